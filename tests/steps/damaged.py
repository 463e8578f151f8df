"""Drawn JPEGs of several encoders' settings, and what transfers and disks do to them."""

import io
import random
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw

SETTINGS: dict[str, dict[str, Any]] = {
    "4:2:0": {"subsampling": "4:2:0"},
    "4:4:4": {"subsampling": "4:4:4", "quality": 90},
    "4:2:2-optimized": {"subsampling": "4:2:2", "optimize": True},
    "grey": {"mode": "L"},
    "cmyk": {"mode": "CMYK"},
    "rgb": {"keep_rgb": True},
    "restarts-by-row": {"restart_marker_rows": 1},
    "restarts-by-block": {"restart_marker_blocks": 5, "subsampling": "4:4:4"},
    "grey-restarts": {"mode": "L", "restart_marker_blocks": 7},
    "progressive": {"progressive": True},
    "grey-progressive": {"mode": "L", "progressive": True},
    "progressive-restarts": {"progressive": True, "restart_marker_rows": 2},
}
# Pillow alone cannot look into their scans.
PROGRESSIVE = [name for name in SETTINGS if "progressive" in name]
SEQUENTIAL = [name for name in SETTINGS if "progressive" not in name]
# What is left of a JPEG after each damage.
Damage = Callable[[bytes], bytes]
CUTS: dict[str, Damage] = {
    f"cut at {share} %": lambda body, share=share: body[: len(body) * share // 100]  # type: ignore[misc]
    for share in range(5, 100, 5)
}
LOSSES: dict[str, Damage] = {
    "1,000 bytes lost": lambda body: body[: len(body) // 3] + body[len(body) // 3 + 1000 :],
    "3,000 bytes lost": lambda body: body[: len(body) // 2] + body[len(body) // 2 + 3000 :],
    "zeros in the middle": lambda body: zeroed(body, 4096),
    "LF to CRLF": lambda body: body.replace(b"\n", b"\r\n"),
    "a piece twice": lambda body: body[: len(body) * 2 // 3] + body[len(body) * 2 // 3 - 500 :],
    "end in the middle": lambda body: body[: len(body) // 2] + b"\xff\xd9",
}


def zeroed(body: bytes, number: int) -> bytes:
    """The JPEG with zeros in its middle."""
    half = len(body) // 2
    return body[:half] + bytes(number) + body[half + number :]


def draw(width: int = 320, height: int = 240, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Boxes in many colours, whose JPEG is mostly coded picture."""
    chance = random.Random(seed)
    image = Image.new("RGB", (width, height), (120, 110, 100))
    pen = ImageDraw.Draw(image)
    for _ in range(150):
        x, y = chance.randrange(width), chance.randrange(height)
        colour = chance.randrange(256), chance.randrange(256), chance.randrange(256)
        pen.rectangle((x, y, x + chance.randrange(50), y + chance.randrange(50)), fill=colour)
    return image.convert(mode)


def jpeg(setting: str) -> bytes:
    """A drawn JPEG of a name in SETTINGS."""
    options = dict(SETTINGS[setting])
    file = io.BytesIO()
    draw(mode=options.pop("mode", "RGB")).save(file, "JPEG", **options)
    return file.getvalue()
