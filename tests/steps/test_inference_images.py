"""What the serving program takes for an image, and what it refuses."""

import functools
import random

import numpy as np
import pytest
from PIL import Image

import pixels
from tests.steps import damaged
from tests.steps.served_model import Served, decoded, encoded, halves, refused
from tests.steps.tiny_model import SIZE


def test_training_and_serving_see_the_same_pixels(served: Served) -> None:
    """What is served is decoded by the function that training decodes with."""
    for file in served[2]:
        found = decoded(served, file.read_bytes())
        assert np.array_equal(found, pixels.decode(file.read_bytes(), SIZE))


@pytest.mark.parametrize("kind", ["image/jpeg", "IMAGE/JPEG", "image/jpeg; q=1", "image/png"])
def test_jpeg_and_png_are_told_apart_by_their_bytes(served: Served, kind: str | None) -> None:
    """The content type need only be a supported one: cameras mislabel files."""
    for format in ("JPEG", "PNG"):
        assert decoded(served, encoded(halves(), format), kind).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize(
    "kind",
    [
        "image/jpg", "image/pjpeg", "image/x-png", "application/x-image",
        "application/octet-stream", "", None,
    ],
)  # fmt: skip
def test_an_image_is_decoded_by_other_names_and_without_one(
    served: Served, kind: str | None
) -> None:
    for format in ("JPEG", "PNG"):
        assert decoded(served, encoded(halves(), format), kind).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("kind", [None, "", "application/octet-stream", "application/x-image"])
def test_without_a_content_type_only_an_image_is_accepted(served: Served, kind: str | None) -> None:
    status, said = refused(served, b"three boxes and a bag", kind)
    assert status == 415
    assert f"content type '{kind or 'none'}' is not supported; send image/jpeg" in said


@pytest.mark.parametrize("kind", ["text/csv", "image/gif", "jpeg"])
def test_other_content_types_are_refused(served: Served, kind: str | None) -> None:
    status, said = refused(served, encoded(halves()), kind)
    assert status == 415
    assert "send image/jpeg or image/png" in said


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        pytest.param(1, None, id="upright"),
        pytest.param(2, Image.Transpose.FLIP_LEFT_RIGHT, id="mirrored"),
        pytest.param(3, Image.Transpose.ROTATE_180, id="upside down"),
        pytest.param(6, Image.Transpose.ROTATE_270, id="turned right"),
        pytest.param(8, Image.Transpose.ROTATE_90, id="turned left"),
    ],
)
def test_a_rotated_photo_is_turned_upright(
    served: Served, orientation: int, turned: Image.Transpose | None
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = halves() if turned is None else halves().transpose(turned)
    for format in ("JPEG", "PNG"):
        found = decoded(served, encoded(halves(), format, exif=exif)).astype(float)
        wanted = np.asarray(upright.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        assert abs(found - wanted).mean() < 12  # of 255; a turn that is missed makes 85


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        ("L", "JPEG"), ("CMYK", "JPEG"), ("L", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"),
        ("P", "PNG"), ("1", "PNG"), ("I;16", "PNG"),
    ],
)  # fmt: skip
def test_every_colour_mode_is_decoded(served: Served, mode: str, format: str) -> None:
    """Dark at the left and light at the right in every mode."""
    grey = halves(left=(50, 50, 50), right=(210, 210, 210))
    if mode == "I;16":
        image = grey.convert("I").point(lambda value: value * 256).convert("I;16")
    elif mode == "1":
        image = grey.convert("1", dither=Image.Dither.NONE)
    else:
        image = grey.convert(mode)
    found = decoded(served, encoded(image, format))
    expected = (0, 255) if mode == "1" else (50, 210)
    assert found[:, 4].mean() == pytest.approx(expected[0], abs=12)
    assert found[:, -4].mean() == pytest.approx(expected[1], abs=12)


def test_an_image_of_one_pixel_is_decoded(served: Served) -> None:
    assert decoded(served, encoded(Image.new("RGB", (1, 1), "red"), "PNG")).mean() == 85


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"", "the body is empty", id="empty"),
        pytest.param(b"hello", "not a readable image; send a JPEG or a PNG", id="text"),
        pytest.param(b"\xff\xd8\xff\xe0", "damaged or truncated", id="start of a JPEG"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "damaged or truncated", id="start of a PNG"),
        pytest.param(encoded(halves(), "GIF"), "not a readable image", id="gif"),
        pytest.param(b"<svg/>", "not a readable image", id="svg"),
    ],
)
def test_a_body_that_is_not_an_image_is_refused(served: Served, body: bytes, said: str) -> None:
    status, message = refused(served, body)
    assert status == 400
    assert said in message


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_image_is_refused(served: Served, format: str, kept: float) -> None:
    noise = Image.effect_noise((400, 300), 90).convert("RGB")
    whole = encoded(noise, format)
    status, message = refused(served, whole[: int(len(whole) * kept)])
    assert status == 400
    assert "damaged or truncated" in message or "not a readable image" in message


@pytest.mark.parametrize("damage", damaged.LOSSES)
@pytest.mark.parametrize("setting", ["4:2:0", "progressive", "restarts-by-row"])
def test_a_damaged_photo_is_refused_and_not_counted(
    served: Served, setting: str, damage: str
) -> None:
    status, message = refused(served, damaged.LOSSES[damage](damaged.jpeg(setting)))
    assert status == 400
    assert "damaged or truncated" in message and "send it again" in message


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, over damaged EXIF
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_damaged_bytes_are_answered_or_refused(served: Served, format: str) -> None:
    """Whatever is damaged, a client gets a 4xx; nothing else is raised."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    whole = encoded(halves((40, 30)), format, exif=exif)
    generator = random.Random(0)
    for _ in range(300):
        body = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            body[generator.randrange(2, len(body))] = generator.randrange(256)
        try:
            assert decoded(served, bytes(body)).shape == (SIZE, SIZE, 3)
        except served[0].RequestError as error:
            assert error.status_code in (400, 413)


@functools.cache
def black(width: int, height: int) -> bytes:
    return encoded(Image.new("1", (width, height)), "PNG")


@pytest.mark.parametrize(
    ("size", "said"),
    [
        pytest.param((8000, 5000), "8000 x 5000 = 40.0 megapixels", id="40 megapixels"),
        pytest.param((20000, 10000), "megapixels", id="more than Pillow opens"),
        pytest.param((20001, 2), "a side may have at most 20000", id="a long side"),
    ],
)
@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_an_image_with_too_many_pixels_is_refused(
    served: Served, size: tuple[int, int], said: str
) -> None:
    status, message = refused(served, black(*size), "image/png")
    assert status == 413
    assert said in message
    assert "at most 25 megapixels are allowed: send a smaller picture" in message


def test_a_body_that_is_too_large(served: Served) -> None:
    status, message = refused(served, bytes(25 * 1024 * 1024 + 1))
    assert status == 413
    assert "26,214,401 bytes; at most 26,214,400" in message
