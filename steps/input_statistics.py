"""What a photo looks like, in a few numbers that say nothing of what it shows.

Copied into the model as `code/input_statistics.py`: the endpoint sends them with each answer, so
that whoever watches it needs no photo. They are computed from the pixels that the network sees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import photo

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32) / 255  # ITU-R BT.601, to 0..1
GREEN = 1
DIGITS = 4


def describe(pixels: NDArray[np.uint8], header: photo.Header, size: int) -> dict[str, float]:
    """The statistics of one photo.

    Args:
        pixels: uint8 (n, n, 3), RGB, as the network sees them.
        header: of the photo's bytes.
        size: number of these bytes.

    Returns:
        brightness, the mean from 0 (black) to 1; contrast, the standard deviation of the same;
        sharpness, the mean difference between neighbouring pixels of a row; width and height in
        pixels, as stored; bytes.
    """
    luma = pixels[::4, ::4] @ LUMA  # some thousand pixels are enough for a mean
    green = pixels[::4, :, GREEN].astype(np.int16)
    return {
        "brightness": round(float(luma.mean()), DIGITS),
        "contrast": round(float(luma.std()), DIGITS),
        "sharpness": round(float(np.abs(np.diff(green, axis=1)).mean() / 255), DIGITS),
        "width": header.width,
        "height": header.height,
        "bytes": size,
    }
