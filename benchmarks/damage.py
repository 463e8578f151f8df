"""How many damaged JPEGs are refused, by how many bytes they lost, with simplejpeg and without it.

A JPEG has no checksum: what its decoder does not notice, nobody can. The last column shows how
wrong the pictures are that were decoded all the same.

    .venv-steps/bin/python benchmarks/damage.py [--photos FOLDER] [--images N]

The folder holds JPEGs; without it, bins are drawn.
"""

import argparse
import random
import tempfile
from pathlib import Path

import repository  # noqa: F401  # isort: skip  # puts steps/ on the path
import numpy as np
from loading import draw

import pixels

SIZE = 64
LOST = (1, 10, 100, 1000)
VISIBLE = 40  # of 255; a pixel that differs by more is wrong


def refused_share(bodies: list[bytes], lost: int) -> tuple[float, float]:
    """Share of JPEGs refused after a loss at a random place, and the worst share of wrong pixels.

    Args:
        bodies: Sound JPEGs.
        lost: How many bytes each loses, within its coded picture.
    """
    chance, refused, worst = random.Random(lost), 0, 0.0
    for body in bodies:
        start = body.rindex(b"\xff\xda") + 20
        at = chance.randrange(start, max(start + 1, len(body) - lost - 2))
        try:
            found = pixels.decode(body[:at] + body[at + lost :], SIZE)
        except pixels.ImageError:
            refused += 1
            continue
        difference = np.abs(found.astype(int) - pixels.decode(body, SIZE)).max(2)
        worst = max(worst, float((difference > VISIBLE).mean()))
    return refused / len(bodies), worst


def main() -> None:
    """Print a table for both decoders."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="folder of JPEGs (default: drawn bins)")
    parser.add_argument("--images", type=int, default=200, help="JPEGs (default: 200)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = options.photos
        if folder is None:
            folder = Path(work)
            draw(folder, options.images, None)
        files = sorted(folder.glob("*.jpg"))[: options.images]
        bodies = [file.read_bytes() for file in files]
    print(f"{len(bodies)} JPEGs of {sum(map(len, bodies)) / len(bodies) / 1e3:.1f} kB")
    fast = vars(pixels)["simplejpeg"]
    for name, way in (("simplejpeg", fast), ("Pillow alone", None)):
        vars(pixels)["simplejpeg"] = way
        for lost in LOST:
            share, worst = refused_share(bodies, lost)
            print(f"{name:12}  {lost:5} bytes lost: {share:6.1%} refused; "
                  f"decoded all the same: up to {worst:4.0%} of the pixels wrong")  # fmt: skip


if __name__ == "__main__":
    main()
