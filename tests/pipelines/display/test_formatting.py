import pytest

from pipelines.display.formatting import duration, short, wrap


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (-0.1, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (185, "3 min 05 s"),
     (7800, "2 h 10 min")],
)  # fmt: skip
def test_a_duration_has_the_units_that_a_person_reads(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "expected"), [("0.333333", "0.3333"), ("16", "16"), ("auto", "auto")]
)
def test_a_number_has_at_most_four_significant_digits(text: str, expected: str) -> None:
    assert short(text) == expected


def test_sentences_are_wrapped_between_words_and_commands_stay_whole() -> None:
    command = "  python pipeline.py status 8x2kq0wzv1ab"
    text = f"Error: /some/folder/of-photos is empty\n{command}"
    assert wrap(text, 20).splitlines() == [
        "Error:",
        "/some/folder/",
        "of-photos is empty",
        command,
    ]


def test_what_stands_beside_a_name_is_wrapped_beside_it() -> None:
    text = "  Seed   Random seed.\ncreated  bucket tally-us-east-1\n  Seed   0"
    assert wrap(text, 20).splitlines() == [
        "  Seed   Random",
        "         seed.",
        "created  bucket",
        "         tally-us-",
        "         east-1",
        "  Seed   0",
    ]
