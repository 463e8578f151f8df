"""How often watching raises something although nothing has changed, and what it notices.

A warehouse is a set of photos with what a model answers to each. A baseline of some of its bins and
a window of others, both drawn at random, are compared many times: the share of these runs that
raise anything is the false-alarm rate, which is set to 1 %. Then the photos, the records or the
scenes are changed, a little and more, and the share of the runs that notice it is measured.

    .venv-steps/bin/python benchmarks/watch.py --source ../shared/abid/aft-vbi-pds

The answers come from a small model that is trained here in a minute on half of the photos: what
watching does depends little on how well the model counts. docs/watching.md has the table.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import sources
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from repository import STEPS

from evaluation import archive, not_bins, predictions, testset, watched
from evaluation.predictions import Predictions
from record import Record
from watching import baseline, chance, checks
from watching.measures import Answer

WRONG = 0.1  # of the records, as a baseline assumes
SPLIT = "3:1:6"
DRAWS = 4000  # for each check, fewer than the step's: thousands of runs are made here
Change = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True)
class Warehouse:
    """Photos with what a model answers to them, from which baselines and windows are drawn."""

    loaded: archive.LoadedModel
    predicted: Predictions

    def changed(self, change: Change, folder: Path) -> "Warehouse":
        """The same bins with every photo changed."""
        images = []
        for number, image in enumerate(self.predicted.images):
            with Image.open(image.path) as opened:
                picture = change(opened.convert("RGB"))
            file = folder / f"{number}.jpg"
            picture.save(file, "JPEG", quality=85)
            images.append(replace(image, path=file))
        return replace(self, predicted=predictions.predict(self.loaded, images, 50))

    def baseline(self, photos: int, generator: np.random.Generator) -> baseline.Baseline:
        """A baseline of some of the bins."""
        chosen = self._choose(photos, generator)
        right = [self.answer(index, self._count(index)) for index in chosen]
        truth = [self.loaded.classes.name(int(self.predicted.truth[index])) for index in chosen]
        return baseline.describe(truth, right, right, WRONG)

    def window(
        self,
        photos: int,
        generator: np.random.Generator,
        quantity: Callable[[int], int] | None = None,
        share: float = 1.0,
    ) -> list[Answer]:
        """Answers about some of the bins, with records of which some are wrong.

        Args:
            photos: how many.
            generator: of all draws.
            quantity: what a record says, by what the bin holds; None for that itself.
            share: of the records that are as `quantity` has them.
        """
        exact = list(self.loaded.classes.counts)
        answers = []
        for index in self._choose(photos, generator):
            count = self._count(index)
            on_record = quantity(count) if quantity and generator.random() < share else count
            if generator.random() < WRONG:
                on_record = int(generator.choice([one for one in exact if one != on_record]))
            answers.append(self.answer(index, on_record))
        return answers

    def answer(self, index: int, quantity: int) -> Answer:
        """The answer to one photo with a quantity on record."""
        return watched.answer_to(self.loaded, self.predicted, index, Record(quantity))

    def _count(self, index: int) -> int:
        return self.predicted.images[index].count

    def _choose(self, photos: int, generator: np.random.Generator) -> list[int]:
        drawn: list[int] = generator.integers(0, len(self.predicted.images), photos).tolist()
        return drawn


def settle(source: str, subset: int, root: Path) -> Warehouse:
    """Train a small model on some of the bins, and look at the others with it."""
    step(root / "prepare", "prepare.py", "--source", source, "--subset-size", str(subset),
         "--classes", "1-5", "--split", SPLIT, "--seed", "0")  # fmt: skip
    prepared = root / "prepare" / "processing" / "output"
    data = root / "train" / "input" / "data"
    data.mkdir(parents=True)
    for name in ("train", "validation"):
        (data / name).symlink_to(prepared / name)
    step(root / "train", "train.py", "--backbone", "efficientnet_lite0", "--image-size", "96",
         "--epochs", "4", "--batch-size", "32", "--lr", "0.02", "--freeze", "-1", "--mixup", "0",
         "--augment", "light", "--profile", "false", "--label-noise", "off")  # fmt: skip
    (root / "model").mkdir()
    with tarfile.open(root / "model" / archive.NAME, "w:gz") as packed:
        for entry in sorted((root / "train" / "model").iterdir()):
            packed.add(entry, entry.name)
    loaded = archive.load(root / "model", root / "loaded")
    images = testset.find(prepared / "test")
    return Warehouse(loaded, predictions.predict(loaded, images, 50))


def step(root: Path, script: str, *arguments: str) -> None:
    """Run a step's script with /opt/ml in a folder of its own."""
    root.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"OPT_ML": str(root), "PYTHONPATH": str(STEPS)}
    command = [sys.executable, str(STEPS / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def false_alarms(place: Warehouse, test: int, photos: int, runs: int) -> None:
    """Print how often anything is raised although nothing has changed."""
    raised, chances, names = 0, list[float](), Counter[str]()
    for run in range(runs):
        generator = np.random.default_rng(run)
        found = checks.run(place.baseline(test, generator), place.window(photos, generator), None)
        hit = [check.name for check in found if check.raised]
        raised += bool(hit)
        names.update(hit)
        chances += [check.chance for check in found]
    rare = np.mean([one < 0.05 for one in chances])
    print(
        f"| {test} | {photos} | {runs} | {100 * raised / runs:.1f} % | {100 * rare:.1f} % | "
        f"{', '.join(f'{n} {k}' for n, k in names.most_common(3)) or 'none'} |",
        flush=True,
    )


def noticed(
    name: str,
    place: Warehouse,
    windows: Callable[[np.random.Generator], Sequence[Answer]],
    test: int,
    runs: int,
) -> None:
    """Print how often a change is noticed, and by which checks."""
    names, hits = Counter[str](), 0
    for run in range(runs):
        generator = np.random.default_rng(1000 + run)
        found = checks.run(place.baseline(test, generator), list(windows(generator)), None)
        hit = [check.name for check in found if check.raised]
        hits += bool(hit)
        names.update(hit)
    by = ", ".join(f"{check} {100 * n / runs:.0f} %" for check, n in names.most_common(4))
    print(f"| {name} | {100 * hits / runs:.0f} % | {by or 'nothing'} |", flush=True)


def scene(number: list[int], photo: Image.Image) -> Image.Image:
    """One of the pictures that are no bins, each in turn."""
    number[0] += 1
    drawn = Image.new("RGB", (not_bins.SIDE, not_bins.SIDE))
    draw = not_bins.SCENES[number[0] % len(not_bins.SCENES)]
    draw(drawn, ImageDraw.Draw(drawn), np.random.default_rng(number[0]))
    return drawn.resize(photo.size)


def darker(factor: float, photo: Image.Image) -> Image.Image:
    """The photo with a share of its light."""
    return ImageEnhance.Brightness(photo).enhance(factor)


def blurred(radius: float, photo: Image.Image) -> Image.Image:
    """The photo out of focus."""
    return photo.filter(ImageFilter.GaussianBlur(radius))


def main() -> None:
    """Run the benchmark and print its tables in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", type=sources.source, default=str(sources.ABID / "aft-vbi-pds"))
    parser.add_argument("--subset", type=int, default=0, help="bins to use; 0: all")
    parser.add_argument("--runs", type=int, default=300, help="for each false-alarm rate")
    options = parser.parse_args()
    chance.DRAWS = DRAWS
    with tempfile.TemporaryDirectory() as scratch:
        started = time.monotonic()
        place = settle(options.source, options.subset, Path(scratch))
        images = len(place.predicted.images)
        right = float(place.predicted.correct.mean())
        print(
            f"{images} photos, {100 * right:.0f} % counted right; "
            f"{time.monotonic() - started:.0f} s\n", flush=True,
        )  # fmt: skip
        print("| test photos | answers | runs | any alarm | checks below 5 % | alarms |")
        print("|---|---|---|---|---|---|", flush=True)
        for test, photos in ((60, 300), (200, 300), (200, 3000), (1000, 300)):
            false_alarms(place, test, photos, options.runs)
        print(
            "\n| change, 300 answers, 200 test photos | noticed | by |\n|---|---|---|", flush=True
        )
        few = max(10, options.runs // 15)
        pictures: list[tuple[str, Change]] = [
            *((f"light at {f:.0%}", partial(darker, f)) for f in (1.0, 0.9, 0.8, 0.6)),
            *((f"out of focus by {r} pixels", partial(blurred, r)) for r in (1, 3)),
            ("other scenes", partial(scene, [0])),
        ]
        for name, change in pictures:
            folder = Path(scratch, name.replace(" ", "-").replace("%", ""))
            folder.mkdir()
            other = place.changed(change, folder)
            noticed(name, place, partial(other.window, 300), 200, few)
        for share in (0.2, 0.5, 1.0):
            mirrored = partial(place.window, 300, quantity=lambda count: 6 - count, share=share)
            noticed(f"{share:.0%} of the records mirrored", place, mirrored, 200, few)


if __name__ == "__main__":
    main()
