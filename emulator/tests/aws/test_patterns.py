"""Every pattern that the emulator matches takes bounded time, whatever the text."""

import time
from collections.abc import Iterator

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagemaker_emulator import serve
from sagemaker_emulator.aws import patterns
from sagemaker_emulator.aws.dispatch import operations, service_model

# Many times what a linear match takes, and far from what a backtracking one would.
LIMIT = 5.0


def shapes(shape: Shape, above: frozenset[str] = frozenset()) -> Iterator[Shape]:
    if shape.name in above:
        return
    yield shape
    above |= {shape.name}
    match shape:
        case StructureShape():
            for member in shape.members.values():
                yield from shapes(member, above)
        case ListShape():
            yield from shapes(shape.member, above)
        case MapShape():
            yield from shapes(shape.key, above)
            yield from shapes(shape.value, above)


def used_patterns() -> list[str]:
    """The patterns of all requests that the emulator runs."""
    assert serve.OPERATIONS
    found = {
        str(shape.metadata["pattern"])
        for service, name in operations
        for shape in shapes(
            service_model(service).operation_model(name).input_shape
            or Shape("", {"type": "string"})
        )
        if "pattern" in shape.metadata
    }
    return sorted(found)


ADVERSARIAL = (
    "a" + " " * 20_000 + "é",
    "a" * 20_000 + "!",
    "a-" * 10_000 + "!",
    "arn:aws:sagemaker:" + "a:" * 10_000,
    "s3://" + "/" * 20_000 + "\n",
    "https://" + "a." * 10_000 + "\x00",
    " \r\n\t" * 5_000 + "\ud800",
    "0." * 10_000 + "x",
    "%41" * 7_000 + "\x01",
    "x" * 20_000,
)


def test_every_pattern_of_a_request_is_linear() -> None:
    slow = {}
    for pattern in used_patterns():
        matcher = patterns.of_service_model(pattern)
        assert matcher is not None, f"{pattern} cannot be read"
        began = time.monotonic()
        for text in ADVERSARIAL:
            matcher.fullmatch(text)
        if (seconds := time.monotonic() - began) > LIMIT:
            slow[pattern] = seconds
    assert not slow


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)${1,256}", "größe 1", "a\tb"),
        (r"([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)", "a-b", "a-"),
        (r"(?!\s*$).+", " x\ny", " \n "),
        (r"[0-9A-Za-z\.\-_]*(?<!\.)", "a.b", "a."),
        (r"[a-zA-Z_][a-zA-Z0-9_]{0,1023}", "A" * 1024, "1A"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a\U0001f600", "a\n"),
        (r"\d+", "12", "\u0663"),
        (r"\p{Print}+", "a b", "a\tb"),
        (r"\A\S[\p{Print}]*\z", "photo-1", " a"),
        (r"\p{ASCII}*", "a\t~", "ä"),
        (r".*", "two\nlines", None),
        (r"(?=.{1,3}$)[a-z]*", "abc", "abcd"),
        (r"^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$", "a b", "a:b"),
    ],
)
def test_pattern_of_a_service_model_matches_as_java_does(
    pattern: str, right: str, wrong: str | None
) -> None:
    matcher = patterns.of_service_model(pattern)
    assert matcher is not None
    assert matcher.fullmatch(right)
    assert wrong is None or not matcher.fullmatch(wrong)


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(?<=x)(a+)+$", r"(a*)*\1b"])
def test_search_ends_in_bounded_time(pattern: str) -> None:
    began = time.monotonic()
    assert patterns.compile(pattern).search("xx" + "a" * 40 + "!") is None
    assert time.monotonic() - began < 60  # for ever, by backtracking


def test_search_returns_the_groups() -> None:
    assert patterns.compile(r"loss=(.*?), (?:x)?(y)?").search("é loss=0.5, ") == (
        "loss=0.5, ",
        "0.5",
        None,
    )
    assert patterns.compile(r"(?<=loss=)([0-9.]+)").search("a loss=0.25") == ("0.25", "0.25")
    assert patterns.compile("x").search("y") is None


def test_match_after_one_that_was_given_up_is_right() -> None:
    assert not patterns.compile(r"(?=a)(a+)+b").fullmatch("a" * 40)
    assert patterns.compile(r"(?=a)(a+)+b").fullmatch("aab")


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "[b-a]", "(?P<x", "*"])
def test_text_that_is_no_expression_is_refused(pattern: str) -> None:
    with pytest.raises(patterns.PatternError):
        patterns.compile(pattern)
