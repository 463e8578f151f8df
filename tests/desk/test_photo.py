"""Photos are sent as they are, or made to fit."""

import io

import pytest
from PIL import Image

from desk.photo import MAX_BYTES, PhotoUnusableError, prepare
from pipelines.steps import photo as limits
from tests.desk.service import bin_photo

ROTATED = 6  # Exif's orientation: the picture's top is at the right


def noise(width: int, height: int, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((width, height), 100).convert("RGB").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_within_the_limits_is_sent_as_it_is(kind: str) -> None:
    body = bin_photo([0], kind)
    prepared = prepare("bin", body)
    assert (prepared.photo.body, prepared.note) == (body, "")


def test_more_pixels_than_the_endpoint_accepts_are_scaled_down() -> None:
    prepared = prepare("bin.jpg", bin_photo([0], scale=24))
    assert (prepared.photo.width, prepared.photo.height) == (2048, 2048)
    assert "2048 x 2048 pixels in place of 5760 x 5760" in prepared.note


def test_a_file_that_is_too_long_is_scaled_down() -> None:
    body = noise(2600, 1300, "PNG")
    assert len(body) > MAX_BYTES
    prepared = prepare("bin.png", body)
    assert len(prepared.photo.body) < MAX_BYTES
    assert prepared.photo.content_type == "image/jpeg"
    assert (prepared.photo.width, prepared.photo.height) == (2048, 1024)


def test_a_photo_that_lies_on_its_side_is_turned_upright_when_it_is_scaled() -> None:
    exif = Image.Exif()
    exif[limits.ORIENTATION] = ROTATED
    file = io.BytesIO()
    wide = Image.new("RGB", (6000, 4500), "black")
    wide.paste("white", (0, 0, 3000, 4500))  # the left half, which is the top when it is upright
    wide.save(file, "JPEG", exif=exif)
    prepared = prepare("bin.jpg", file.getvalue())
    picture = Image.open(io.BytesIO(prepared.photo.body)).convert("L")
    assert "1536 x 2048 pixels in place of 4500 x 6000" in prepared.note
    assert picture.tobytes()[500 * 1536 + 768] > 200
    assert picture.tobytes()[1500 * 1536 + 768] < 50


def test_another_kind_of_picture_is_converted() -> None:
    prepared = prepare("bin.webp", bin_photo([0], "WEBP"))
    assert limits.content_type(prepared.photo.body) == "image/jpeg"
    assert prepared.note == "The photo was converted to JPEG."


def test_a_picture_of_absurd_size_is_refused() -> None:
    file = io.BytesIO()
    Image.new("1", (20_000, 15_000)).save(file, "PNG")
    with pytest.raises(PhotoUnusableError, match="more than 150 megapixels"):
        prepare("bin.png", file.getvalue())
