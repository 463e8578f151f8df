"""Paths in a table are shortened by whole names, and never two to the same."""

import pytest

from pipelines.display.paths import shorten

LONG = "/home/ada/warehouse/aisle-7/bin-00011.jpg"


@pytest.mark.parametrize(
    ("longest", "shown"),
    [
        (50, LONG),
        (35, "…/warehouse/aisle-7/bin-00011.jpg"),
        (30, "…/aisle-7/bin-00011.jpg"),
        (20, "bin-00011.jpg"),
        (5, "bin-00011.jpg"),
    ],
)
def test_as_many_folders_are_shown_as_there_is_room_for(longest: int, shown: str) -> None:
    assert shorten([LONG], longest) == {LONG: shown}


def test_two_files_of_one_name_are_told_apart() -> None:
    other = LONG.replace("aisle-7", "aisle-8")
    assert shorten([LONG, other], 10) == {
        LONG: "aisle-7/bin-00011.jpg",
        other: "aisle-8/bin-00011.jpg",
    }
    assert shorten(["a/1.jpg", "1.jpg"], 3) == {"a/1.jpg": "a/1.jpg", "1.jpg": "1.jpg"}


def test_many_paths_of_one_name_are_each_shown_with_their_folder() -> None:
    paths = [f"/data/{number:04d}/photo.jpg" for number in range(5000)]
    shown = shorten(paths, 20)
    assert shown["/data/0042/photo.jpg"] == "/data/0042/photo.jpg"
    assert len(set(shorten(paths, 15).values())) == 5000
    assert shorten(paths, 15)["/data/0042/photo.jpg"] == "0042/photo.jpg"
