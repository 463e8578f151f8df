"""The counts that a model answers, as people write them."""

from __future__ import annotations

import pytest

from counts import Classes


@pytest.mark.parametrize("text", ["1-5", "0-5", "0-6+", "0-10+", "2-3"])
def test_classes_are_written_as_they_were_read(text: str) -> None:
    assert Classes.parse(text).text == text


@pytest.mark.parametrize("text", ["", "5", "5-1", "3-3", "1-100", "1-5-", "-1-5", "0-6++", "a-b"])
def test_other_texts_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="such as 1-5"):
        Classes.parse(text)


def test_an_open_class_holds_all_greater_counts() -> None:
    classes = Classes.parse("0-6+")
    assert [classes.of(count) for count in (0, 5, 6, 7, 88)] == [0, 5, 6, 6, 6]
    assert classes.names == ("0", "1", "2", "3", "4", "5", "6+")
    assert (classes.words(5), classes.words(6)) == ("5", "6 or more")
    assert classes.last_exact == 5


def test_without_an_open_class_other_counts_have_none() -> None:
    classes = Classes.parse("1-5")
    assert [classes.of(count) for count in (0, 1, 5, 6)] == [None, 1, 5, None]
    assert classes.last_exact == 5
