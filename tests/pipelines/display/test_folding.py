"""Lines that a person reads: between words, and with numbers beside their units."""

import pytest

from pipelines.display.folding import fold, shorten, words


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("the photo alone: 56.4 % of 55", 22, ["the photo alone:", "56.4 % of 55"]),
        ("0.71 ± 0.10 items on average", 14, ["0.71 ± 0.10", "items on", "average"]),
        ("took 3 min 05 s here", 10, ["took", "3 min 05 s", "here"]),
        ("counts 3 sorts", 8, ["counts 3", "sorts"]),
        ("    indented words", 12, ["    indented", "words"]),
        ("one\n\ntwo", 10, ["one", "", "two"]),
        ("", 10, [""]),
    ],
)  # fmt: skip
def test_lines_end_between_words(text: str, width: int, lines: list[str]) -> None:
    assert fold(text, width).split("\n") == lines


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("s3://bucket/data/bins-bdaad390/", 25, ["s3://bucket/data/", "bins-bdaad390/"]),
        ("blocks.5.3.conv_pwl.weight", 14, ["blocks.5.3.", "conv_pwl.", "weight"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("箱の中の写真", 5, ["箱の", "中の", "写真"]),
        ("at 1234567 %", 8, ["at", "1234567", "%"]),
    ],
)  # fmt: skip
def test_a_word_longer_than_a_line_is_broken_at_its_separators(
    text: str, width: int, lines: list[str]
) -> None:
    assert fold(text, width).split("\n") == lines


def test_a_number_and_its_unit_are_one_word() -> None:
    assert words("of 56.4 % (43.6 to 69.1) it takes 26 s") == [
        "of", "56.4 %", "(43.6", "to", "69.1)", "it", "takes", "26 s",
    ]  # fmt: skip


def test_what_is_left_out_is_whole_words() -> None:
    assert shorten("took the result", 15) == "took the result"
    assert shorten("took the results", 15) == "took the …"
    assert shorten("one\ntwo", 15) == "one …"
