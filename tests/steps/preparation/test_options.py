"""The command line of Prepare."""

from pathlib import Path

import pytest

from tests.steps.small_source import message, run


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--classes", "3-1"], "FIRST-LAST"),
        (["--classes", "0-1000000000"], "at most 99"),
        (["--split", "8:1"], "TRAIN:VALIDATION:TEST"),
        (["--split", "8:0:1"], "positive"),
        (["--classes", "1-9"], "no usable image of a bin that holds 4"),
        (["--file-list", "/nowhere/list.json"], "/nowhere/list.json"),
        (["--subset-size", "6"], "fewer|only 2 different bins"),
    ],
    ids=[
        "classes",
        "too-many-classes",
        "split",
        "zero-share",
        "missing-class",
        "no-file-list",
        "too-small",
    ],
)
def test_an_impossible_request_is_refused_with_the_reason(
    source: Path, root: Path, more: list[str], words: str
) -> None:
    assert run(source, *more) == 1
    assert any(word in message(root) for word in words.split("|"))


@pytest.mark.parametrize(
    "words",
    [["--seed", "x"], ["--max-quarantined", "7"], ["--learn-from", "some"], ["--store-size", "-1"]],
)
def test_a_wrong_argument_is_named_in_the_exit_message(root: Path, words: list[str]) -> None:
    assert run("anywhere", *words) == 1
    assert words[0] in message(root) and words[1] in message(root)
