"""Draws bins that look like those of a warehouse, with metadata, for the demo and the tests.

They are drawings, not data. The layout is the one of the Amazon Bin Image Dataset, so whatever
reads these reads that too: `bin-images/00001.jpg` and `metadata/00001.json`. About a third of the
neighbouring ids are one bin before and after a change, as there, and about one bin in a hundred is
broken, so that what puts broken bins aside has something to do.
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

COUNTS = range(MOST + 1)
# How often a fresh bin has 0, 1, 2 … items.
SHARES = (0.03, 0.165, 0.165, 0.165, 0.165, 0.165, 0.075, 0.04, 0.02, 0.01)
SAME_BIN = 0.36
FLAWS = ("cut image", "cut metadata", "no metadata", "no image")
README = """Drawn bins: {bins} ids, seed {seed}.

These images are drawings made by `python -m demo.bins`, for a demonstration and for tests. They
are not photographs and not data: a model trained on them knows nothing of real bins. The products,
their names and their ASINs are made up.

bin-images/00001.jpg   the picture
metadata/00001.json    what lies in the bin; EXPECTED_QUANTITY is the count
Some are broken on purpose: a cut file, or one of the two missing.
"""


class DrawingError(Exception):
    """The bins cannot be drawn as asked."""


@dataclass(frozen=True)
class Drawing:
    """One id to draw: its scene, and what is broken about it, if anything."""

    number: int
    scene: Scene
    flaw: str | None


def plan(bins: int, seed: int = 0) -> Iterator[Drawing]:
    """Yields what to draw under each id, from 1 on.

    Args:
        bins: How many ids.
        seed: One seed gives one series; a longer series begins like a shorter one, but for flaws.
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
    """One item put in or taken out; the last one stays, so that the pair shares a product."""
    count = len(contents.items)
    more = count == 1 or (count < MOST and rng.random() < 0.5)
    return add(rng, contents) if more else remove(rng, contents)


def _flaws(bins: int, seed: int) -> dict[int, str]:
    """Which ids are broken and how: one in a hundred, at least one of twenty bins or more."""
    many = max(1, round(bins / 100)) if bins >= 20 else 0
    rng = np.random.default_rng((seed, 3))
    numbers = sorted(int(n) for n in rng.choice(bins, size=many, replace=False) + 1) if many else []
    return {number: FLAWS[index % len(FLAWS)] for index, number in enumerate(numbers)}


def draw(folder: Path, bins: int, seed: int = 0) -> None:
    """Draws `bins` bins into `folder`, or the rest of them if an earlier run was interrupted.

    The bytes depend on `bins` and `seed` alone. `README.txt` is written last: where it is, the
    folder is complete.

    Args:
        folder: Is made if it is not there.
        bins: How many ids, from 1 on.
        seed: Another seed gives other bins.

    Raises:
        DrawingError: `bins` or `seed` cannot be, or the folder holds something else.
    """
    if not 1 <= bins <= 99_999:
        raise DrawingError(f"The number of bins is {bins}; allowed are 1 to 99999.")
    if seed < 0:
        raise DrawingError(f"The seed is {seed}; allowed are 0 and above.")
    readme, begun = folder / "README.txt", folder / ".unfinished"
    text = README.format(bins=bins, seed=seed)
    order = f"bins {bins}, seed {seed}\n"
    if readme.exists() and readme.read_text() == text:
        print(f"{folder} holds these {bins} bins already.", file=sys.stderr)
        return
    found = begun.read_text() if begun.exists() else None
    if found != order and folder.exists() and any(folder.iterdir()):
        raise DrawingError(
            f"{folder} holds something else"
            + (f" (an unfinished run with {found.strip()})" if found else "")
            + ". Name another folder, or delete this one first."
        )
    for name in ("bin-images", "metadata"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    begun.write_text(order)
    _draw_all(folder, list(plan(bins, seed)))
    _write(readme, text.encode())
    begun.unlink()


def _draw_all(folder: Path, drawings: list[Drawing]) -> None:
    """Draws with as many processes as there are cores, and says how far it is."""
    tasks = [(folder, drawing) for drawing in drawings]
    processes = min(os.cpu_count() or 1, 8, len(tasks) // 25 + 1)
    if processes == 1:
        _follow(map(_draw_one, tasks), len(tasks))
        return
    # Ctrl-C reaches the whole group of processes; only this one is to answer it. The others inherit
    # that they ignore it, so that they do from their first instruction.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pool = multiprocessing.get_context("spawn").Pool(processes)
    finally:
        signal.signal(signal.SIGINT, heard)
    with pool:
        _follow(pool.imap_unordered(_draw_one, tasks, chunksize=5), len(tasks))


def _follow(done: Iterator[None], total: int) -> None:
    for number, _ in enumerate(done, 1):
        if sys.stderr.isatty() and (number % 10 == 0 or number == total):
            print(f"\rDrawing bins: {number} of {total}", end="", file=sys.stderr, flush=True)
    print(f"\rDrawing bins: {total} of {total}", file=sys.stderr)


def _draw_one(task: tuple[Path, Drawing]) -> None:
    """Writes the files of one id that are not there yet."""
    folder, drawing = task
    image = folder / "bin-images" / f"{drawing.number:05d}.jpg"
    metadata = folder / "metadata" / f"{drawing.number:05d}.json"
    if drawing.flaw != "no image" and not image.exists():
        content = photograph(drawing.scene)
        _write(image, content[: len(content) // 3] if drawing.flaw == "cut image" else content)
    if drawing.flaw != "no metadata" and not metadata.exists():
        text = json.dumps(drawing.scene.contents.metadata, indent=4).encode()
        _write(metadata, text[: len(text) // 2] if drawing.flaw == "cut metadata" else text)


def _write(path: Path, content: bytes) -> None:
    """Writes whole or not at all, so that a file that is there need not be drawn again."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.bins",
        description="Draws bins with items in them, and their metadata, in the layout of the "
        "Amazon Bin Image Dataset. They are for the demo and the tests; they are not data.",
        epilog="Example: python -m demo.bins --output .tally/bins. An interrupted run is "
        "completed by running the same command again.",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where they go")
    parser.add_argument("--bins", type=int, default=700, metavar="N", help="how many (700)")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="another seed, other bins (0)"
    )
    given = parser.parse_args(arguments)
    try:
        draw(given.output, given.bins, given.seed)
    except DrawingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {given.output} cannot be filled: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command draws the rest.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
