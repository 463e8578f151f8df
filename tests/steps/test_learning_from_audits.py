"""A retraining that learns from audits counts better than one by wrong records.

Prepare and Train run twice on the same drawn bins. Three in ten of their records are wrong, as they
are where items were taken and the record was not lowered. One run has the audits of these bins, the
other has not. Both models are judged on other drawn bins, by the program that serves them.

$AUDIT_SEEDS repeats it with other bins, records and seeds, and prints the figures of
docs/label-noise.md.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import prepare
import train
from demo.contents import fill
from demo.scene import Scene, photograph
from evaluation import archive, predictions, testset
from tests.steps.audit_entries import audit
from tests.steps.small_source import manifest
from tests.steps.tiny_model import pack
from tests.steps.tiny_training import options

SEEDS = int(os.environ.get("AUDIT_SEEDS", "1"))
# Each needs less than a minute of one core, which a busy machine may give late.
pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.timeout(900 * SEEDS)]
COUNTS = (1, 2, 3, 4)
EACH = 40  # bins of each count to learn from
TESTED = 25  # bins of each count to judge on
WRONG = 48  # records: three in ten


@dataclass(frozen=True)
class Figures:
    """How well a model counts bins whose true counts are known."""

    accuracy: float
    items_off: float  # the expected count's mean distance from the truth


def draw(file: Path, count: int, seed: tuple[int, ...]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    contents = fill(np.random.default_rng(seed), count)
    file.write_bytes(photograph(Scene(contents, (*seed, 1), (*seed, 2))))


def draw_source(folder: Path, log: Path, seed: int) -> None:
    """Bins in the layout of ABID, and the audits of those with a wrong record."""
    generator = np.random.default_rng(seed)
    (folder / "metadata").mkdir(parents=True)
    counts = COUNTS * EACH
    below = [number for number, count in enumerate(counts) if count < COUNTS[-1]]
    wrong = set(generator.choice(below, WRONG, replace=False).tolist())
    for number, true in enumerate(counts):
        recorded = true
        identity = f"{20 * number:05}"  # no neighbours, so that no two are taken for one bin
        photo = folder / "bin-images" / f"{identity}.jpg"
        draw(photo, true, (seed, number))
        if number in wrong:
            recorded = int(generator.choice([count for count in COUNTS if count > true]))
            audit(log, photo, recorded, true, model_count=None)
        record = {"BIN_FCSKU_DATA": {}, "EXPECTED_QUANTITY": recorded}
        (folder / "metadata" / f"{identity}.json").write_text(json.dumps(record))


def learn(source: Path, log: Path | None, folder: Path, seed: int) -> Path:
    """Prepare and train as the pipeline does; return model.tar.gz."""
    classes = f"{COUNTS[0]}-{COUNTS[-1]}"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OPT_ML", str(folder / "prepare"))
        arguments = ["--source", str(source), "--classes", classes, "--split", "8:1:1"]
        assert prepare.main([*arguments, "--audits", str(log) if log else "none"]) == 0
        (folder / "train/input").mkdir(parents=True)
        (folder / "train/input/data").symlink_to(folder / "prepare/processing/output")
        patched.setenv("OPT_ML", str(folder / "train"))
        chosen = {"backbone": "efficientnet_lite0", "pretrained": "true", "freeze": -1}
        shape = {"image_size": 96, "batch_size": 16, "epochs": 10, "lr": 0.01}
        assert train.main(options(**chosen, **shape, counts=classes, seed=seed)) == 0
    return pack(folder / "train/model", folder / "model/model.tar.gz")


def judge(model: Path, test: Path, scratch: Path) -> Figures:
    loaded = archive.load(model.parent, scratch)
    found = predictions.predict(loaded, testset.find(test), 100)
    off = np.abs(found.expected_count - found.truth)
    return Figures(float(found.correct.mean()), float(off.mean()))


def test_a_training_with_audits_counts_better_than_one_without(tmp_path: Path) -> None:
    test = tmp_path / "test"
    for number in range(TESTED * len(COUNTS)):
        count = COUNTS[number % len(COUNTS)]
        draw(test / str(count) / f"{number:05}.jpg", count, (1000, number))
    measured = []
    for seed in range(SEEDS):
        folder, log = tmp_path / f"seed-{seed}", tmp_path / f"audits-{seed}"
        draw_source(folder / "source", log, seed)
        figures = {}
        for name, audits, changed in (("with", log, WRONG), ("without", None, 0)):
            model = learn(folder / "source", audits, folder / name, seed)
            assert manifest(folder / name / "prepare")["audits"]["changed"] == changed
            figures[name] = judge(model, test, folder / name / "scratch")
        print(f"seed {seed}: {figures}")
        measured.append(figures)
    for figures in measured:
        assert figures["with"].items_off < figures["without"].items_off - 0.05
        assert figures["with"].accuracy > figures["without"].accuracy
