"""Decoding: one way for training and serving, quick where it can be and right everywhere."""

import io
import random
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps

import photo_jpeg
import pixels
from preparation.errors import UnusableBinError
from preparation.picture import check, resize
from tests.steps import damaged

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
        (b"\xff\xd8\xff\xe0 nothing after the start", pixels.TruncatedError),
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


@pytest.mark.parametrize(
    ("side", "scans", "allowed"), [(5000, 20, True), (5000, 21, False), (2000, 100, True)]
)
def test_scans_of_a_large_jpeg_are_few(side: int, scans: int, allowed: bool) -> None:
    """A file of 300 KB with 25 megapixels and 100 scans took 3.4 s to decode."""
    body = bytearray(encoded(picture(64, 48), progressive=True))
    own = len(photo_jpeg.read(bytes(body)).scans)
    struct.pack_into(">HH", body, photo_jpeg.read(bytes(body)).frame, side, side)
    scan = bytes(body[body.rindex(b"\xff\xda") : -2])
    large = bytes(body[:-2]) + (scans - own) * scan + bytes(body[-2:])
    if allowed:
        assert len(photo_jpeg.read(large).scans) == scans
    else:
        with pytest.raises(pixels.DamagedError, match="at most 20 are allowed for 5000 x 5000"):
            photo_jpeg.read(large)


def test_prepare_quarantines_a_jpeg_with_many_scans() -> None:
    with pytest.raises(UnusableBinError, match="scans; at most 100") as caught:
        check(many_scans())
    assert caught.value.reason == "undecodable-image"


# ---- damage


@pytest.fixture(params=["simplejpeg", "Pillow alone"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to decode a JPEG; the second is that of AWS's own PyTorch image."""
    if request.param == "Pillow alone":
        monkeypatch.setattr(pixels, "simplejpeg", None)
    return str(request.param)


@pytest.mark.parametrize("setting", damaged.SETTINGS)
@pytest.mark.parametrize(
    "after", [b"", bytes(100), b"a trailer", damaged.jpeg("grey")], ids=["", "zeros", "text", "mpo"]
)
def test_a_sound_jpeg_passes_whatever_follows_its_end(
    decoder: str, setting: str, after: bytes
) -> None:
    body = damaged.jpeg(setting)
    assert np.array_equal(pixels.decode(body + after, SIZE), with_pillow(body))


@pytest.mark.parametrize("damage", damaged.CUTS)
@pytest.mark.parametrize("setting", damaged.SETTINGS)
def test_a_jpeg_that_was_cut_is_refused(decoder: str, setting: str, damage: str) -> None:
    with pytest.raises(pixels.DamagedError):
        pixels.decode(damaged.CUTS[damage](damaged.jpeg(setting)), SIZE)


@pytest.mark.parametrize("damage", damaged.LOSSES)
@pytest.mark.parametrize("setting", damaged.SETTINGS)
def test_a_jpeg_that_lost_data_is_refused(decoder: str, setting: str, damage: str) -> None:
    if decoder == "Pillow alone" and setting in damaged.PROGRESSIVE:
        pytest.skip("Pillow alone reports nothing inside a progressive scan")
    with pytest.raises(pixels.DamagedError):
        pixels.decode(damaged.LOSSES[damage](damaged.jpeg(setting)), SIZE)


def test_a_jpeg_whose_crlf_became_lf_is_refused(decoder: str) -> None:
    comment = segment(0xFE, b"written\r\non two lines")
    body = damaged.jpeg("4:2:0")
    body = body[:20] + comment + body[20:]
    pixels.decode(body, SIZE)
    with pytest.raises(pixels.DamagedError):
        pixels.decode(body.replace(b"\r\n", b"\n"), SIZE)


def noticed(body: bytes, setting: str) -> bool:
    """Whether libjpeg warns of missing or corrupt data when it decodes every pixel."""
    try:
        simplejpeg.decode_jpeg(body, "CMYK" if setting == "cmyk" else "RGB")
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("setting", damaged.SETTINGS)
def test_whatever_libjpeg_notices_is_refused(setting: str) -> None:
    """It does not notice all: most single flipped bits and half of a few lost bytes.

    They give other valid codes that need as many bytes. A JPEG has no checksum to contradict them,
    so no decoder can.
    """
    body, chance, warnings = damaged.jpeg(setting), random.Random(1), 0
    for number in range(60):
        changed = bytearray(body)
        at = chance.randrange(700, len(body) - 200)
        if number % 2:
            changed[at] ^= 1 << chance.randrange(8)
        else:
            del changed[at : at + chance.choice((1, 10, 100, 180))]
        if noticed(bytes(changed), setting):
            warnings += 1
            with pytest.raises(pixels.DamagedError):
                pixels.decode(bytes(changed), SIZE)
    assert warnings >= 10


@pytest.mark.parametrize("setting", damaged.SEQUENTIAL)
def test_pillow_alone_finds_most_of_what_libjpeg_notices(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "simplejpeg", None)
    body, chance, warnings, found = damaged.jpeg(setting), random.Random(2), 0, 0
    for number in range(60):
        at, length = chance.randrange(700, len(body) - 400), chance.choice((16, 30, 100, 300))
        between = chance.randbytes(length) if number % 2 else b""
        changed = body[:at] + between + body[at + length :]
        if not noticed(changed, setting):
            continue
        warnings += 1
        try:
            pixels.decode(changed, SIZE)
        except pixels.DamagedError:
            found += 1
    assert warnings >= 20
    assert found >= 0.8 * warnings


@pytest.mark.parametrize("setting", ["restarts-by-row", "progressive-restarts"])
def test_a_lost_restart_marker_is_refused(decoder: str, setting: str) -> None:
    body = damaged.jpeg(setting)
    at = body.index(b"\xff\xd3")
    with pytest.raises(pixels.DamagedError, match=r"restart marker|Corrupt"):
        pixels.decode(body[:at] + body[at + 2 :], SIZE)


def test_a_jpeg_without_an_end_marker_is_refused(decoder: str) -> None:
    with pytest.raises(pixels.TruncatedError, match="truncated"):
        pixels.decode(damaged.jpeg("4:2:0")[:-2], SIZE)


def test_oddities_of_metadata_are_no_damage(decoder: str) -> None:
    body = damaged.jpeg("4:2:0")
    expected = pixels.decode(body, SIZE)
    revision = body[:11] + b"\x02" + body[12:]  # of JFIF, which libjpeg warns of
    profile = segment(0xE2, b"ICC_PROFILE\0\x05\x02part")  # part 5 of 2
    for changed in (revision, body[:20] + profile + body[20:], body[:2] + b"\xff\xff" + body[2:]):
        assert np.array_equal(pixels.decode(changed, SIZE), expected)
    with pytest.raises(pixels.DamagedError):
        pixels.decode(damaged.LOSSES["1,000 bytes lost"](revision), SIZE)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0.3, 0.31), (0.5, 0.9), (0.9, 1.0), (0.001, 0.002)],
    ids=["little", "much", "end", "header"],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "I;16"])
def test_a_damaged_png_is_refused(mode: str, start: float, end: float) -> None:
    image = damaged.draw(90, 70)
    if mode == "I;16":
        image = image.convert("I").convert("I;16")
    body = encoded(image if mode == "I;16" else image.convert(mode), "PNG")
    first, last = 16 + int(start * (len(body) - 16)), 17 + int(end * (len(body) - 16))
    zeroed = body[:first] + bytes(len(body[first:last])) + body[last:]
    for changed in (zeroed, body[:first] + body[last:], body[:first]):
        if changed != body:
            with pytest.raises(pixels.ImageError):
                pixels.decode(changed, SIZE)


# ---- orientation


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def tagged(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")


BEFORE = {
    "first": b"",
    "behind XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0".ljust(5000)),
    "behind a profile": segment(0xE2, b"ICC_PROFILE\0\1\1".ljust(60_000, b"\0")),
    "behind comments": 3 * segment(0xFE, b"c" * 65_000),
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_read_wherever_it_stands(
    decoder: str, orientation: int, before: str
) -> None:
    """The same for training, Evaluate, the endpoint and Prepare's stored pictures."""
    body = encoded(picture(120, 90), quality=95)
    body = body[:20] + BEFORE[before] + segment(0xE1, tagged(orientation)) + body[20:]
    turned = Image.Exif()
    turned[0x0112] = orientation
    image = Image.open(io.BytesIO(encoded(picture(120, 90), quality=95, exif=turned)))
    upright = ImageOps.exif_transpose(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    for stored in (body, resize(body, SIZE)):
        difference = pixels.decode(stored, SIZE).astype(int) - np.asarray(upright)
        assert np.abs(difference).mean() < 8  # of 255; a turn that is missed makes more than 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_png_is_read(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = encoded(picture(120, 90), "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(body))).convert("RGB")
    wanted = upright.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    assert np.array_equal(pixels.decode(body, SIZE), np.asarray(wanted))


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("number", [(1, "B"), (3, "H"), (4, "I")], ids=["byte", "short", "long"])
def test_an_orientation_of_any_type_and_order_is_read(order: str, number: tuple[int, str]) -> None:
    kind, form = number
    value = struct.pack(order + form, 3).ljust(4, b"\0")
    directory = struct.pack(f"{order}HHHI", 1, 0x0112, kind, 1) + value + bytes(4)
    exif = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8) + directory
    body = encoded(picture(120, 90))
    changed = body[:20] + segment(0xE1, b"Exif\0\0" + exif) + body[20:]
    upright = Image.open(io.BytesIO(body)).transpose(Image.Transpose.ROTATE_180)
    upright = upright.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    assert np.abs(pixels.decode(changed, SIZE).astype(int) - np.asarray(upright)).mean() < 4


@pytest.mark.parametrize(
    "exif", [b"", b"II*", b"MM\0*\0\0\0\x08\xff\xff", tagged(0)[6:], tagged(9)[6:], b"words" * 20]
)
def test_an_orientation_that_cannot_be_read_turns_nothing(exif: bytes) -> None:
    body = encoded(picture(120, 90))
    changed = body[:20] + segment(0xE1, b"Exif\0\0" + exif) + body[20:]
    assert np.array_equal(pixels.decode(changed, SIZE), pixels.decode(body, SIZE))


def test_decoding_needs_no_torch() -> None:
    code = "import sys, pixels; sys.exit('torch' in sys.modules)"
    steps = Path(pixels.__file__).parent
    assert subprocess.run([sys.executable, "-c", code], cwd=steps).returncode == 0
