import pytest

from sagemaker_emulator.aws import numerals


@pytest.mark.parametrize(
    "text", ["1_000", " 5 ", "\u0663", "1e3", "0x10", "", "+", "5.0", "9" * 20, "9" * 5000, "NaN"]
)
def test_text_that_is_no_integer_of_64_bits_is_none(text: str) -> None:
    assert numerals.integer(text) is None


@pytest.mark.parametrize(
    "text", ["1_0", " 5", "\u0663", "nan", "Infinity", "1e400", "-1e999", "", ".", "e5", "0x1p3"]
)
def test_text_that_is_no_finite_number_is_none(text: str) -> None:
    assert numerals.number(text) is None


def test_numbers_are_read() -> None:
    assert [numerals.integer(text) for text in ("0", "-7", "+5", str(2**63 - 1))] == [
        0,
        -7,
        5,
        2**63 - 1,
    ]
    assert [numerals.number(text) for text in ("1", "-0.5", ".5", "5.", "1e3", "1E-3")] == [
        1.0,
        -0.5,
        0.5,
        5.0,
        1000.0,
        0.001,
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": NaN}',
        "[Infinity]",
        "-Infinity",
        "1e400",
        "9" * 401,
        "9" * 5000,
        "[" * 100_000,
        b"\xff",
        "",
        "{'a': 1}",
    ],
)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        numerals.parse_json(text)


def test_json_is_parsed() -> None:
    assert numerals.parse_json(b'\xef\xbb\xbf{"a": [1, 2.5, null, "x"]}') == {
        "a": [1, 2.5, None, "x"]
    }


def test_value_is_finite_if_a_float_holds_it() -> None:
    assert numerals.is_finite(3) and numerals.is_finite(-0.5)
    others = (True, float("nan"), float("-inf"), 10**400, "3", None)
    assert not any(numerals.is_finite(value) for value in others)
