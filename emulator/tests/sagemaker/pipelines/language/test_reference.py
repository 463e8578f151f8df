from __future__ import annotations

import pytest

from sagemaker_emulator.sagemaker.pipelines.language.reference import PathKey, look_up, parse_path


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a.b", ["a", "b"]),
        ("a['b.c'][0]", ["a", "b.c", 0]),
        ('$["x y"].z-1', ["x y", "z-1"]),
        ("$.a", ["a"]),
    ],
)
def test_path_is_split_into_keys(text: str, keys: list[PathKey]) -> None:
    assert parse_path(text) == keys


def test_name_of_digits_is_an_index_into_a_list() -> None:
    assert look_up({"a": ["x", "y"]}, ["a", "1"], "the test") == "y"
