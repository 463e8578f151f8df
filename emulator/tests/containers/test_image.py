from pathlib import Path

import pytest

from sagemaker_emulator.containers import image

IMAGES = Path(__file__).parents[1] / "images"


@pytest.mark.parametrize(
    "uri",
    [
        "plain",
        "plain:latest",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:v1.2",
        "localhost:5000/team/plain:latest",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain@sha256:" + "0" * 64,
    ],
)
def test_image_is_found_by_the_last_part_of_its_uri(uri: str) -> None:
    assert image.find(IMAGES, uri).folder == IMAGES / "plain"


def test_unknown_image_is_refused_with_the_known_ones() -> None:
    with pytest.raises(image.ImageError, match=r"no folder .*images/other.*plain, warm"):
        image.find(IMAGES, "1.dkr.ecr.us-east-1.amazonaws.com/other:latest")


def test_image_without_requirements_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(image.ImageError, match=r"bare/requirements.txt is missing"):
        image.find(tmp_path, "bare")
