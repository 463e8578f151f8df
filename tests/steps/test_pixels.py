"""Decoding: one way for training and serving, quick where it can be and right everywhere."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixels
from preparation.errors import UnusableBinError
from preparation.picture import check

SIZE = 40


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Coarse coloured noise, so that JPEG keeps most of it."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    return image.convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **more: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def with_pillow(body: bytes) -> np.ndarray:
    """What the network was always trained on: Pillow's own draft and resize."""
    with Image.open(io.BytesIO(body)) as image:
        image.draft("RGB", (SIZE, SIZE))
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


@pytest.mark.parametrize(
    ("width", "height"),
    [(40, 40), (30, 20), (79, 81), (80, 80), (163, 90), (321, 700), (331, 333)],
    ids=lambda value: str(value),
)
@pytest.mark.parametrize("subsampling", [0, 1, 2], ids=["4:4:4", "4:2:2", "4:2:0"])
def test_a_jpeg_gives_the_pixels_that_pillow_gives(
    width: int, height: int, subsampling: int
) -> None:
    body = encoded(picture(width, height), quality=90, subsampling=subsampling)
    found = pixels.decode(body, SIZE)
    assert found.shape == (SIZE, SIZE, 3) and found.dtype == np.uint8
    assert np.array_equal(found, with_pillow(body))


@pytest.mark.parametrize(
    ("kind", "mode", "more"),
    [
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "RGB", {"exif": Image.Exif()}),
        ("PNG", "RGB", {}),
        ("PNG", "P", {}),
        ("PNG", "LA", {}),
        ("PNG", "1", {}),
    ],
    ids=["grey", "cmyk", "progressive", "exif", "png", "palette", "alpha", "bits"],
)
def test_every_kind_of_jpeg_and_png_is_read(kind: str, mode: str, more: dict[str, object]) -> None:
    body = encoded(picture(90, 85, mode), kind, **more)
    assert np.array_equal(pixels.decode(body, SIZE), with_pillow(body))


def test_a_picture_taken_on_its_side_is_turned_upright() -> None:
    upright = picture(120, 90)
    exif = Image.Exif()
    exif[0x0112] = 6
    body = encoded(upright.transpose(Image.Transpose.ROTATE_90), quality=95, exif=exif)
    wanted = pixels.decode(encoded(upright, quality=95), SIZE).astype(int)
    assert np.abs(pixels.decode(body, SIZE) - wanted).mean() < 2


def test_sixteen_bits_of_grey_keep_their_shades() -> None:
    shades = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    found = pixels.decode(encoded(Image.fromarray(shades), "PNG"), 64)
    assert np.abs(found[..., 0].astype(int) - (shades >> 8)).max() <= 1


def test_without_simplejpeg_the_pixels_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    body = encoded(picture(321, 240), quality=90)
    quick = pixels.decode(body, SIZE)
    monkeypatch.setattr(pixels, "simplejpeg", None)
    assert np.array_equal(pixels.decode(body, SIZE), quick)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", pixels.NotAnImageError),
        (b"words, no pixels", pixels.NotAnImageError),
        (b"\xff\xd8\xff\xe0 nothing after the start", pixels.NotAnImageError),
        (encoded(picture(60, 60), "BMP"), pixels.NotAnImageError),
        (encoded(picture(200, 200), quality=90)[:-900], pixels.DamagedError),
        (encoded(picture(60, 60), "PNG")[:-300], pixels.DamagedError),
        (encoded(picture(200, 200)), pixels.TooLargeError),
        (encoded(picture(200, 200), "PNG"), pixels.TooLargeError),
    ],
    ids=["empty", "words", "only-a-start", "bmp", "cut-jpeg", "cut-png", "large", "large-png"],
)
def test_what_cannot_be_decoded_is_refused_by_kind(body: bytes, error: type[Exception]) -> None:
    most = 30_000 if error is pixels.TooLargeError else pixels.MAX_PIXELS
    if error is pixels.DamagedError:
        most = 50_000
    with pytest.raises(error):
        pixels.decode(body, SIZE, max_pixels=most)


def many_scans() -> bytes:
    """A progressive JPEG that repeats its last scan a thousand times."""
    whole = encoded(picture(640, 480), progressive=True)
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + 1000 * scan + whole[-2:]


def test_an_ordinary_progressive_jpeg_is_decoded() -> None:
    pixels.decode(encoded(picture(640, 480), progressive=True), SIZE)


def test_a_jpeg_with_many_scans_is_refused_because_decoding_could_take_minutes() -> None:
    with pytest.raises(pixels.DamagedError, match="scans; at most 100 are allowed"):
        pixels.decode(many_scans(), SIZE)


def test_prepare_quarantines_a_jpeg_with_many_scans() -> None:
    with pytest.raises(UnusableBinError, match="scans; at most 100") as caught:
        check(many_scans())
    assert caught.value.reason == "undecodable-image"


def test_decoding_needs_no_torch() -> None:
    code = "import sys, pixels; sys.exit('torch' in sys.modules)"
    steps = Path(pixels.__file__).parent
    assert subprocess.run([sys.executable, "-c", code], cwd=steps).returncode == 0
