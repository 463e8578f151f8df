"""What a photo's bytes show before they are decoded, and the limits of what is decoded at all."""

import functools
import io
import json
import resource
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photo
import photo_jpeg
import photo_png
import pixels
from tests.steps import damaged

STEPS = Path(photo.__file__).parent


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(
    width: int,
    height: int,
    data: bytes | None = None,
    more: bytes = b"",
    kind: tuple[int, int, int] = (8, 0, 0),
) -> bytes:
    """A PNG of `kind` (depth, colour type, interlaced), black unless `data` are given."""
    depth, colour, interlaced = kind
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    packed = zlib.compress(bytes(height * (width + 1)) if data is None else data)
    start = photo.PNG + chunk(b"IHDR", header) + more
    return start + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


# ---- what a body is


@pytest.mark.parametrize(
    "name",
    [
        "image/jpeg", "image/png", "IMAGE/JPG", "image/pjpeg; q=1", "image/x-png",
        "application/x-image", "application/octet-stream", "", None,
    ],
)  # fmt: skip
def test_a_jpeg_and_a_png_are_allowed_by_any_name_of_an_image_and_by_none(name: str | None) -> None:
    for body in (damaged.jpeg("grey"), png(2, 2)):
        assert photo.allows(name, body)


@pytest.mark.parametrize("name", ["", None, "application/octet-stream", "application/x-image"])
def test_a_name_that_promises_nothing_does_not_make_an_image(name: str | None) -> None:
    assert not photo.allows(name, b"three boxes and a bag")
    assert not photo.allows(name, b"GIF89a")


@pytest.mark.parametrize("name", ["text/csv", "application/json", "image/gif", "jpeg"])
def test_other_names_are_not_allowed_even_for_a_jpeg(name: str) -> None:
    assert not photo.allows(name, damaged.jpeg("grey"))


# ---- the structure of a JPEG and a PNG


@pytest.mark.parametrize("setting", damaged.SETTINGS)
def test_the_scans_of_a_jpeg_end_where_its_markers_begin(setting: str) -> None:
    body = damaged.jpeg(setting)
    found = photo_jpeg.read(body + b"more")
    assert (found.header.width, found.header.height) == (320, 240)
    assert (len(found.scans) > 1) == (setting in damaged.PROGRESSIVE)
    assert found.scans[-1].end == len(body) - 2
    assert bool(found.scans[0].restarts) == ("restarts" in setting)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1), (8, 8), (17, 9), (33, 40)])
def test_an_interlaced_png_is_whole_if_all_its_passes_are(size: tuple[int, int]) -> None:
    """Pillow writes none; here every pixel of pass n is 30 n."""
    width, height = size
    wanted, data = np.zeros((height, width), np.uint8), b""
    for number, (x, y, step_x, step_y) in enumerate(photo_png.ADAM7, 1):
        part = wanted[y::step_y, x::step_x]
        part[:] = 30 * number
        data += b"".join(b"\0" + row.tobytes() for row in part if len(row))
    body = png(width, height, data, kind=(8, 0, 1))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(body))), wanted)
    assert photo_png.read(body)[1:3] == size
    with pytest.raises(photo.TruncatedError):
        photo_png.read(png(width, height, data[:-1], kind=(8, 0, 1)))
    with pytest.raises(photo.DamagedError):
        photo_png.read(png(width, height, data + b"\0", kind=(8, 0, 1)))


def test_a_png_whose_rows_are_missing_is_refused_though_its_checksums_are_right() -> None:
    rows = 30 * (b"\0" + bytes(range(40)))
    pixels.decode(png(40, 30, rows), 16)
    with pytest.raises(photo.TruncatedError, match="820 of 1230 bytes"):
        pixels.decode(png(40, 30, rows[: 20 * 41]), 16)


def test_a_png_in_many_pieces_and_with_a_trailer_is_whole() -> None:
    data = zlib.compress(bytes(110))
    header = struct.pack(">IIBBBBB", 10, 10, 8, 0, 0, 0, 0)
    pieces = b"".join(chunk(b"IDAT", data[at : at + 1]) for at in range(len(data)))
    body = photo.PNG + chunk(b"IHDR", header) + pieces + chunk(b"IEND", b"")
    assert pixels.decode(body + b"trailer", 8).shape == (8, 8, 3)


# ---- limits


@functools.cache
def bomb() -> bytes:
    """Packed zeros, 1.5 GB of them; only the checksum at the end is wrong."""
    packer = zlib.compressobj(9)
    first, second = (
        packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    return first + 1500 * second + packer.flush()


EMPTY, START = zlib.compress(b""), b"\xff\xd8"
SIDE, TEXTS = "a side may have at most 20000", "unpack to more than 1 MB"
HOSTILE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "1 x 25,000,000": (lambda: png(1, 25_000_000, b""), "TooLargeError", SIDE),
    "25,000,000 x 1": (lambda: png(25_000_000, 1, b""), "TooLargeError", SIDE),
    "4 gigapixels": (lambda: png(65_500, 65_500, b""), "TooLargeError", "4290.2 megapixels"),
    "picture": (
        lambda: png(10, 10, b"").replace(chunk(b"IDAT", EMPTY), chunk(b"IDAT", bomb())),
        "DamagedError",
        "more picture than its size",
    ),
    "text": (lambda: png(9, 9, more=chunk(b"zTXt", b"a\0\0" + bomb())), "TooLargeError", TEXTS),
    "international": (
        lambda: png(9, 9, more=chunk(b"iTXt", b"a\0\1\0\0\0" + bomb())),
        "TooLargeError",
        TEXTS,
    ),
    "profile": (lambda: png(9, 9, more=chunk(b"iCCP", b"a\0\0" + bomb())), "TooLargeError", TEXTS),
    "many texts": (
        lambda: png(9, 9, more=100 * chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 16)))),
        "TooLargeError",
        TEXTS,
    ),
    "chunks": (
        lambda: png(9, 9, more=chunk(b"tEXt", b"") * 2_000_000),
        "DamagedError",
        "50000 chunks",
    ),
    "segments": (lambda: START + b"\xff\xfe\0\2" * 6_000_000, "DamagedError", "50000 segments"),
    "fill": (lambda: START + b"\xff" * 25_000_000, "TruncatedError", "truncated"),
    "restarts": (
        lambda: damaged.jpeg("grey")[:-2] + b"\xff\xd0" * 12_000_000,
        "DamagedError",
        "more restart markers",
    ),
    "thin": (lambda: png(1, photo.MAX_SIDE), "", ""),
    "long text": (lambda: png(9, 9, more=chunk(b"tEXt", b"a\0" + b"x" * 20_000_000)), "", ""),
    "25 megapixels": (lambda: png(5000, 5000), "", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_image_takes_little_time_and_memory(tmp_path: Path, name: str) -> None:
    """A process apart may use a gigabyte of addresses and 20 s of a processor, many times enough.

    Unbounded, the pictures of one pixel's width take gigabytes, and each packed text 1.5.
    """
    make, error, message = HOSTILE[name]
    (tmp_path / "image").write_bytes(make())
    program = textwrap.dedent("""
        import json, sys
        import photo, pixels
        body = open(sys.argv[1], "rb").read()
        try:
            result = ["", str(pixels.decode(body, 160, photo.MAX_PIXELS).shape)]
        except pixels.ImageError as error:
            result = [type(error).__name__, str(error)]
        print(json.dumps(result))
    """)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "image"], cwd=STEPS, preexec_fn=limit,
        capture_output=True, text=True, env={"OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found, said = json.loads(done.stdout)
    assert found == error
    assert message in said


def test_a_large_jpeg_is_refused_before_it_is_decoded() -> None:
    thin = io.BytesIO()
    Image.new("L", (1, photo.MAX_SIDE + 1)).save(thin, "JPEG")
    with pytest.raises(photo.TooLargeError, match="1 x 20001 pixels, and a side may have at most"):
        pixels.decode(thin.getvalue(), 16)
