"""Which files of a folder are counted, skipped or refused."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.scoring import images, table
from pipelines.scoring.scores import Scores


def test_files_without_an_images_suffix_are_reported_as_skipped(photos: Path) -> None:
    for name in ("3.heic", "4.webp", "5.gif", "6", ".hidden"):
        (photos / name).write_bytes(b"a picture")
    found = images.from_folder(photos)
    assert sorted(found.content_types) == ["1.jpg", "2.png"]
    assert images.skipped_message(found.skipped) == (
        "Skipped, as not named .jpg, .jpeg, .png: 3.heic, 4.webp, 5.gif and 1 more."
    )


def test_what_systems_leave_in_folders_is_never_counted(photos: Path) -> None:
    good = (photos / "1.jpg").read_bytes()
    for name in ("._1.jpg", "more/.AppleDouble/1.jpg", "__MACOSX/1.jpg", "Thumbs.db", "more/3.JPG"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(good)
    found = images.from_folder(photos)
    assert sorted(found.content_types) == ["1.jpg", "2.png", "more/3.JPG"]
    assert not found.refused and not found.skipped


def test_a_prefix_with_companions_is_refused_as_a_job_would_read_them(aws: Any) -> None:
    s3 = aws.session.client("s3")
    s3.create_bucket(Bucket="bins")
    for name in ("photos/1.jpg", "photos/2.JPEG"):
        s3.put_object(Bucket="bins", Key=name, Body=b"x")
    assert sorted(images.from_prefix(s3, "s3://bins/photos").content_types) == ["1.jpg", "2.JPEG"]
    s3.put_object(Bucket="bins", Key="photos/._1.jpg", Body=b"x")
    with pytest.raises(images.ImagesError, match=r"holds 1 other object \(\._1\.jpg\)"):
        images.from_prefix(s3, "s3://bins/photos")


@pytest.mark.parametrize(
    ("name", "shown", "reason"),
    [("3\n.jpg", "3?.jpg", "has a control character"), ("3\udcff.jpg", "3?.jpg", "is not UTF-8")],
    ids=["control", "not-utf-8"],
)
def test_a_file_whose_name_no_object_can_have_is_refused_alone(
    photos: Path, tmp_path: Path, name: str, shown: str, reason: str
) -> None:
    (photos / name).write_bytes((photos / "1.jpg").read_bytes())
    found = images.from_folder(photos)
    assert sorted(found.content_types) == ["1.jpg", "2.png"]
    assert found.refused == {shown: f"its name {reason}; rename it."}
    table.write(Scores(1, (), {}, found.refused), tmp_path / "scores.csv")
    assert shown in (tmp_path / "scores.csv").read_text(encoding="utf-8")
