"""Test accuracy over several seeds (`make accuracy`), or of recipe variations (`make ablation`).

Each seed is a complete run on its own split: prepare, train (with the recipe of recipe.py) and
evaluate, each as a process. A finished seed is not run again, and an interrupted training continues
from its last epoch. Choose recipes by the validation figures; read the test figures only when the
recipe is fixed.

    .venv-steps/bin/python benchmarks/accuracy.py --source FOLDER_OF_BINS
    .venv-steps/bin/python benchmarks/accuracy.py --base epochs=6 --vary mixup=0 --vary freeze=0
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sources
from answers import Answers, answered, joined
from recipe import COUNTS, FURTHER, RECIPE, SHORT, VARIATIONS, WEIGHTS, varied, well_formed
from repository import REPORTS, STEPS
from scipy.stats import t

NONE = "none"


@dataclass(frozen=True)
class Figure:
    """A figure of evaluation.json, and what it should reach.

    Attributes:
        name: The heading of its column.
        path: Its keys in evaluation.json.
        aim: None where it is published without one.
        share: Whether it is a share, shown as a percentage.
        higher: Whether more is better.
    """

    name: str
    path: tuple[str, ...]
    aim: float | None = None
    share: bool = True
    higher: bool = True

    def show(self, value: float) -> str:
        """A share as a percentage, an error as a number."""
        return f"{value:.1%}" if self.share else f"{value:.3f}"

    @property
    def aim_in_words(self) -> str:
        """The aim with its direction; "" without one."""
        return "" if self.aim is None else f"{'>=' if self.higher else '<='} {self.show(self.aim)}"


def _one_to_five(*path: str) -> tuple[str, ...]:
    return ("tally", "one_to_five", *path, "value")


PHOTO, BOTH = ("photo",), ("with_record",)
FIGURES = {
    "bins of 1 to 5, by the photo alone": (
        Figure("exact", _one_to_five(*PHOTO, "accuracy"), 0.455),
        Figure("within one", _one_to_five(*PHOTO, "within_one_accuracy")),
        Figure("RMSE", _one_to_five(*PHOTO, "expected_count_rmse"), None, False, False),
        Figure("ECE", _one_to_five(*PHOTO, "calibration_error"), 0.04, False, False),
        Figure("passes", _one_to_five("passes", "photo", "passed")),
    ),
    "bins of 1 to 5, by photo and record": (
        Figure("exact", _one_to_five(*BOTH, "accuracy"), 0.60),
        Figure("within one", _one_to_five(*BOTH, "within_one_accuracy")),
        Figure("RMSE", _one_to_five(*BOTH, "expected_count_rmse"), 0.72, False, False),
        Figure("ECE", _one_to_five(*BOTH, "calibration_error"), 0.04, False, False),
        Figure("passes", _one_to_five("passes", "with_record", "passed"), 0.70),
    ),
    "all bins, 0 to 5 and 6 or more": (
        Figure("photo, exact", ("multiclass_classification_metrics", "accuracy", "value")),
        Figure("record, exact", ("tally", "accuracy_with_record", "value")),
        Figure("pass", ("tally", "decision", "passed", "value")),
        Figure("look", ("tally", "decision", "looked", "value")),
        Figure("cannot judge", ("tally", "decision", "cannot_judge", "value")),
        Figure("wrong found", ("tally", "decision", "found_share", "value")),
        Figure("right of passing", ("tally", "decision", "precision", "value"), 0.95),
    ),
}


class StepFailed(Exception):
    """A step ended with an error; the message names its log."""


def run(arguments: Sequence[str], opt_ml: Path, log: Path) -> None:
    """Run a step as a process with its own /opt/ml, and keep its output in a log.

    Raises:
        StepFailed: It exited with an error.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    variables = {**os.environ, "OPT_ML": str(opt_ml), "PYTHONUNBUFFERED": "1"}
    with log.open("a") as file:
        child = subprocess.Popen(
            [sys.executable, *arguments], cwd=STEPS, env=variables,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        for line in child.stdout:
            file.write(line)
            print(f"  {line}", end="", flush=True)
    if child.wait():
        raise StepFailed(f"{arguments[0]} ended with exit code {child.returncode}; see {log}")


def prepare(source: str, seed: int, output: Path, recipe: dict[str, str]) -> Path:
    """The images of a seed's split, prepared once for all recipes."""
    further = recipe.get(FURTHER) or (str(sources.FURTHER) if sources.FURTHER.is_dir() else NONE)
    folder = output / "images" / (f"seed-{seed}" + ("-own" if further == NONE else ""))
    output = folder / "processing/output"
    if not (output / "manifest/manifest.json").is_file():
        run(
            ["prepare.py", "--source", source, "--classes", COUNTS, "--seed", str(seed),
             "--further", further],
            folder, folder / "log.txt",
        )  # fmt: skip
    return output


def train(images: Path, recipe: dict[str, str], seed: int, folder: Path) -> Path:
    """The folder of the model that a recipe trains."""
    model = folder / "model"
    if not (model / "training.json").is_file():
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        for name in ("train", "validation"):
            link(images / name, folder / "input/data" / name)
        if WEIGHTS in recipe:
            link(Path(recipe[WEIGHTS]), folder / "input/data/pretrained")
        words = [word for name, value in recipe.items() if name not in (FURTHER, WEIGHTS)
                 for word in (f"--{name}", value)]  # fmt: skip
        run(
            ["train.py", "--counts", COUNTS, "--seed", str(seed), *words],
            folder, folder / "log.txt",
        )  # fmt: skip
    return model


def evaluate(images: Path, model: Path, folder: Path) -> dict[str, Any]:
    """The evaluation.json of a model."""
    output = folder / "processing/output/evaluation"
    if not (output / "evaluation.json").is_file():
        inputs = folder / "processing/input"
        for name in ("model", "approved"):
            (inputs / name).mkdir(parents=True, exist_ok=True)
        with tarfile.open(inputs / "model/model.tar.gz", "w:gz") as archive:
            archive.add(model, ".")
        for name in ("test", "validation", "manifest"):
            link(images / name, inputs / name)
        run(["evaluate.py"], folder, folder / "log.txt")
    document: dict[str, Any] = json.loads((output / "evaluation.json").read_text())
    return document


def link(target: Path, path: Path) -> None:
    """Link a step's input to the path where the step reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.symlink_to(target.resolve())


def figure(document: dict[str, Any], path: Sequence[str]) -> float:
    """A figure of evaluation.json; NaN where it is not known."""
    found: Any = document
    for key in path:
        found = None if found is None else found.get(key)
    return math.nan if found is None else float(found)


def tables(runs: dict[int, dict[str, Any]]) -> str:
    """For each group of figures every seed, their mean with its 95 % interval, and the aims.

    The interval is Student's t over the seeds.
    """
    texts = []
    for title, figures in FIGURES.items():
        heads = ["seed", *(one.name for one in figures)]
        lines = [f"{title}:", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        columns = [[figure(document, one.path) for document in runs.values()] for one in figures]
        for row, seed in enumerate(runs):
            cells = [one.show(values[row]) for one, values in zip(figures, columns, strict=True)]
            lines.append(f"| {' | '.join([str(seed), *cells])} |")
        means = [mean(one, values) for one, values in zip(figures, columns, strict=True)]
        lines.append(f"| {' | '.join(['mean', *means])} |")
        lines.append(f"| {' | '.join(['aim', *(one.aim_in_words for one in figures)])} |")
        texts.append("\n".join(lines))
    return "\n\n".join(texts)


def mean(one: Figure, values: Sequence[float]) -> str:
    """The mean over the seeds, with half its 95 % interval if there are several."""
    text = one.show(statistics.mean(values))
    if len(values) > 1:
        quantile = t.ppf(0.975, len(values) - 1)
        text += f" ± {one.show(quantile * statistics.stdev(values) / math.sqrt(len(values)))}"
    return text


def run_folder(output: Path, recipe: dict[str, str], seed: int) -> Path:
    """The folder of a recipe and a seed, named after both."""
    if recipe == RECIPE:
        return output / f"seed-{seed}"
    text = json.dumps(recipe, sort_keys=True)
    return output / "varied" / f"{hashlib.sha256(text.encode()).hexdigest()[:10]}-seed-{seed}"


def speed_of(model: Path) -> float:
    """Images per second in the training's fastest epoch."""
    history = json.loads((model / "training.json").read_text())["history"]
    return max(float(epoch["images_per_second"]) for epoch in history)


def row(name: str, found: Answers, base: Answers, speed: float) -> str:
    """A recipe's row: its figures, and how its log loss differs from the base's, image by image."""
    off, more = found.off, found.log_losses - base.log_losses
    error = more.std(ddof=1) / math.sqrt(len(more))
    difference = "" if found is base else f"{more.mean():+.4f} ± {error:.4f}"
    return (
        f"| {name} | {(off == 0).mean():.1%} | {(off <= 1).mean():.1%} "
        f"| {math.sqrt((found.errors**2).mean()):.3f} | {found.log_losses.mean():.4f} "
        f"| {difference} | {speed:.0f} |"
    )


def main() -> int:
    """Run what has not been run yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--source", type=sources.source, default=sources.DEFAULT,
        help="bins laid out like ABID: a folder or s3://BUCKET/PREFIX")  # fmt: skip
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds (default: 0 1 2)")
    add("--output", type=Path, default=REPORTS / "accuracy", help="folder for all results")
    add("--vary", action="append", type=well_formed, default=[], metavar="NAME=VALUE[,NAME=VALUE]",
        help="compare the recipe with these changes, on validation; repeatable")  # fmt: skip
    add(
        "--vary-all",
        action="store_true",
        help="compare every variation of recipe.py, by default of its short form",
    )
    add("--base", type=well_formed, metavar="NAME=VALUE[,NAME=VALUE]",
        help="changes to the recipe that variations are compared with")  # fmt: skip
    options = parser.parse_args()
    output: Path = options.output.resolve()
    base = options.base if options.base is not None else SHORT if options.vary_all else ""
    recipe = varied(RECIPE, base)
    try:
        vary = [*options.vary, *(VARIATIONS if options.vary_all else ())]
        if vary:
            compare(options.source, options.seeds, output, recipe, vary)
        else:
            judge(options.source, options.seeds, output, recipe)
    except StepFailed as error:
        print(f"accuracy: {error}", file=sys.stderr)
        return 1
    return 0


def judge(source: str, seeds: Sequence[int], output: Path, recipe: dict[str, str]) -> None:
    """Run all three steps for each seed, and print the table of test figures."""
    runs: dict[int, dict[str, Any]] = {}
    for seed in seeds:
        print(f"seed {seed}", flush=True)
        begun = time.monotonic()
        images = prepare(source, seed, output, recipe)
        folder = run_folder(output, recipe, seed)
        model = train(images, recipe, seed, folder)
        runs[seed] = evaluate(images, model, folder)
        print(f"  {(time.monotonic() - begun) / 60:.1f} minutes", flush=True)
    text = tables(runs)
    (output / "table.md").write_text(text + "\n")
    print(f"\n{text}\n\nthe models are in {output}/seed-*/model")


def compare(
    source: str, seeds: Sequence[int], output: Path, recipe: dict[str, str], vary: Sequence[str]
) -> None:
    """Train the recipe and each variation, and compare them on validation."""
    lines = [
        "| change | exact | within one | RMSE | log loss | more than the recipe's | images/s |",
        "|---|---|---|---|---|---|---|",
    ]
    base = None
    for changes in ["", *vary]:
        changed = varied(recipe, changes)
        name, answers, speeds = changes or "the recipe", [], []
        for seed in seeds:
            print(f"{name}, seed {seed}", flush=True)
            images = prepare(source, seed, output, changed)
            model = train(images, changed, seed, run_folder(output, changed, seed))
            answers.append(answered(model, images / "validation"))
            speeds.append(speed_of(model))
        found = joined(answers)
        base = base or found
        lines.append(row(name, found, base, statistics.mean(speeds)))
    text = "\n".join(lines)
    (output / "ablation.md").write_text(text + "\n")
    print(f"\n{text}\n\n± is one standard error of the difference, on the same images")


if __name__ == "__main__":
    sys.exit(main())
