"""Draws bins that look like those of a warehouse, with metadata, for the demo and the tests.

They are drawings, not data. The layout is that of the Amazon Bin Image Dataset, so that the same
code reads both: `bin-images/900001.jpg` and `metadata/900001.json`. The ids are above those of that
data set, so that a drawn bin is never taken for a real one. As there, about a third of the
neighbouring ids are one bin before and after a change. About one bin in a hundred is broken, so
that Prepare has something to quarantine.
"""

import argparse
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demo.contents import MOST, Contents, add, fill, remove
from demo.scene import Scene, photograph

FIRST_ID = 900_001  # the real data set has 535,234 images
COUNTS = range(MOST + 1)
# How often a new bin has 0, 1, 2 … items.
SHARES = (0.03, 0.165, 0.165, 0.165, 0.165, 0.165, 0.075, 0.04, 0.02, 0.01)
SAME_BIN = 0.36
FLAWS = ("cut image", "cut metadata", "no metadata", "no image")
README = """Drawn bins: {bins} from id 900001 on, seed {seed}.

These images are drawings made by `python -m demo.bins`, for a demonstration and for tests. They
are not photographs and not data: a model trained on them knows nothing of real bins. The products,
their names and their ASINs are made up.

bin-images/900001.jpg   the picture
metadata/900001.json    the stock record; EXPECTED_QUANTITY is the count
Some are broken on purpose: a file is cut off, or one of the two is missing.
"""


class DrawingError(Exception):
    """The bins cannot be drawn with these arguments."""


@dataclass(frozen=True)
class Drawing:
    """One bin to draw: its number from 1 on, its scene, and what is broken, if anything."""

    number: int
    scene: Scene
    flaw: str | None

    @property
    def id(self) -> str:
        """The id that names its files."""
        return str(FIRST_ID - 1 + self.number)


def plan(bins: int, seed: int = 0) -> Iterator[Drawing]:
    """Yield what to draw for each bin.

    Args:
        bins: How many bins.
        seed: The random seed; a longer series begins like a shorter one, except for the flaws.
    """
    rng = np.random.default_rng(seed)
    flawed = _flaws(bins, seed)
    contents: Contents | None = None
    origin = 0
    for number in range(1, bins + 1):
        if contents and contents.items and rng.random() < SAME_BIN:
            contents = _change(rng, contents)
        else:
            contents = fill(rng, int(rng.choice(COUNTS, p=SHARES)))
            origin = number
        scene = Scene(contents, bin_look=(seed, origin, 1), shot=(seed, number, 2))
        yield Drawing(number, scene, flawed.get(number))


def _change(rng: np.random.Generator, contents: Contents) -> Contents:
    """Add or remove one item; the last one stays, so that the pair shares a product."""
    count = len(contents.items)
    more = count == 1 or (count < MOST and rng.random() < 0.5)
    return add(rng, contents) if more else remove(rng, contents)


def _flaws(bins: int, seed: int) -> dict[int, str]:
    """Which bins are broken and how: one in a hundred, at least one of twenty bins or more."""
    many = max(1, round(bins / 100)) if bins >= 20 else 0
    rng = np.random.default_rng((seed, 3))
    numbers = sorted(int(n) for n in rng.choice(bins, size=many, replace=False) + 1) if many else []
    return {number: FLAWS[index % len(FLAWS)] for index, number in enumerate(numbers)}


def draw(folder: Path, bins: int, seed: int = 0) -> None:
    """Draw `bins` bins into `folder`, or the rest of them if an earlier run was interrupted.

    The bytes depend only on `bins` and `seed`. `README.txt` is written last: a folder that has it
    is complete.

    Args:
        folder: The folder, which is created if it does not exist.
        bins: How many bins.
        seed: The random seed.

    Raises:
        DrawingError: `bins` or `seed` is not allowed, or the folder has other content.
    """
    if not 1 <= bins <= 99_999:
        raise DrawingError(f"The number of bins is {bins}; allowed are 1 to 99999.")
    if seed < 0:
        raise DrawingError(f"The seed is {seed}; allowed are 0 and above.")
    readme, unfinished = folder / "README.txt", folder / ".unfinished"
    text = README.format(bins=bins, seed=seed)
    request = f"bins {bins}, seed {seed}\n"
    if readme.exists() and readme.read_text() == text:
        print(f"{folder} already has these {bins} bins.", file=sys.stderr)
        return
    earlier = unfinished.read_text() if unfinished.exists() else None
    if earlier != request and folder.exists() and any(folder.iterdir()):
        raise DrawingError(
            f"{folder} has other content"
            + (f" (an unfinished run with {earlier.strip()})" if earlier else "")
            + ". Choose another folder, or delete this one first."
        )
    for name in ("bin-images", "metadata"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    unfinished.write_text(request)
    _draw_all(folder, list(plan(bins, seed)))
    _write(readme, text.encode())
    unfinished.unlink()


def _draw_all(folder: Path, drawings: list[Drawing]) -> None:
    """Draw with one process for each core, and show the progress."""
    tasks = [(folder, drawing) for drawing in drawings]
    processes = min(os.cpu_count() or 1, 8, len(tasks) // 25 + 1)
    if processes == 1:
        _show_progress(map(_draw_one, tasks), len(tasks))
        return
    # Ctrl-C reaches the whole group of processes, but only this one may react. The others inherit
    # that it is ignored, so that they ignore it from their first instruction.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pool = multiprocessing.get_context("spawn").Pool(processes)
    finally:
        signal.signal(signal.SIGINT, handler)
    with pool:
        _show_progress(pool.imap_unordered(_draw_one, tasks, chunksize=5), len(tasks))


def _show_progress(done: Iterator[None], total: int) -> None:
    for number, _ in enumerate(done, 1):
        if sys.stderr.isatty() and (number % 10 == 0 or number == total):
            print(f"\rDrawing bins: {number} of {total}", end="", file=sys.stderr, flush=True)
    print(f"\rDrawing bins: {total} of {total}", file=sys.stderr)


def _draw_one(task: tuple[Path, Drawing]) -> None:
    """Write the files of one bin that do not exist yet."""
    folder, drawing = task
    image = folder / "bin-images" / f"{drawing.id}.jpg"
    metadata = folder / "metadata" / f"{drawing.id}.json"
    if drawing.flaw != "no image" and not image.exists():
        content = photograph(drawing.scene)
        _write(image, content[: len(content) // 3] if drawing.flaw == "cut image" else content)
    if drawing.flaw != "no metadata" and not metadata.exists():
        text = json.dumps(drawing.scene.contents.metadata, indent=4).encode()
        _write(metadata, text[: len(text) // 2] if drawing.flaw == "cut metadata" else text)


def _write(path: Path, content: bytes) -> None:
    """Write all or nothing, so that an existing file need not be drawn again."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.bins",
        description="Draw bins with items, and their metadata, in the layout of the Amazon Bin "
        "Image Dataset. They are for the demo and the tests; they are not data.",
        epilog="Example: python -m demo.bins --output .tally/bins. To complete an interrupted "
        "run, run the same command again.",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder to draw into"
    )
    parser.add_argument("--bins", type=int, default=700, metavar="N", help="number of bins (700)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (0)")
    options = parser.parse_args(arguments)
    try:
        draw(options.output, options.bins, options.seed)
    except DrawingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot write to {options.output}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to draw the rest.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
