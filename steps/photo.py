"""A bin's photo: the limits of what is served, and how Pillow reads one.

Shipped with every step and in the model, so that Prepare sets aside what the endpoint would refuse,
and stores, trains on, judges and serves the same pixels.
"""

from __future__ import annotations

from PIL import Image, ImageOps

CONTENT_TYPES = ("image/jpeg", "image/png")
FORMATS = ("JPEG", "PNG")  # Pillow's names of the same
# InvokeEndpoint's limit, from "Model Hosting FAQs" in SageMaker's developer guide; its API
# reference still has the former 6 MB.
MAX_BYTES = 25 * 1024 * 1024
MAX_PIXELS = 25_000_000  # a bin's photo has about one megapixel
MAX_SCANS = 100  # of a progressive JPEG; cameras and programs write about ten
JPEG, SCAN = b"\xff\xd8\xff", b"\xff\xda\x00"


def too_many_scans(content: bytes) -> str:
    """Why a progressive JPEG has too many scans, or "".

    Each scan covers the whole picture and may be 40 bytes long, so that decoding a small file could
    take minutes.
    """
    scans = content.count(SCAN) if content.startswith(JPEG) else 0
    return f"{scans} scans; at most {MAX_SCANS} are allowed" if scans > MAX_SCANS else ""


def upright(image: Image.Image) -> Image.Image:
    """The picture in RGB, turned as its Exif orientation demands."""
    if image.mode.startswith("I"):  # 16-bit grey: keep the high bytes; Pillow would clip to white
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    return ImageOps.exif_transpose(image).convert("RGB")
