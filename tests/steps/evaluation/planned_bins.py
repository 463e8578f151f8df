"""Inputs of Evaluate: twenty small images whose answers are known beforehand."""

import json
from pathlib import Path
from typing import Any

from tests.steps.tiny_model import CLASSES, draw_bin, pack, save_model

SURE, LIKELY, UNSURE = 0.9, 0.7, 0.5
# (true count, answer, confidence) of each test image; the rest of the probability is shared.
PLAN = (
    [(1, 1, SURE)] * 4 + [(1, 3, UNSURE)] * 2
    + [(3, 3, LIKELY)] * 4 + [(3, 1, LIKELY)] * 1 + [(3, 5, UNSURE)] * 1
    + [(5, 5, SURE)] * 5 + [(5, 3, SURE)] * 1 + [(5, 1, UNSURE)] * 2
)  # fmt: skip


def probabilities(answer: int, confidence: float) -> list[float]:
    return [confidence if count == answer else (1 - confidence) / 2 for count in CLASSES]


def evaluate_inputs(root: Path) -> Path:
    """A candidate of PLAN; beside the inputs, an approved model that always says 3."""
    files = []
    for number, (count, _, _) in enumerate(PLAN):
        file = root / "input" / "test" / str(count) / f"{number:05}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        draw_bin(count, number).save(file)
        files.append(file)
    manifest = {"counts": {"train": {"1": 20, "3": 50, "5": 30}}}
    (root / "input" / "manifest").mkdir()
    (root / "input" / "manifest" / "manifest.json").write_text(json.dumps(manifest))
    wanted = [probabilities(answer, confidence) for _, answer, confidence in PLAN]
    model = save_model(root / "model", CLASSES, files, wanted)
    history = [
        {"epoch": epoch, "train_loss": 1.5 - epoch / 10, "validation_loss": 1.6 - epoch / 12,
         "train_accuracy": epoch / 10, "validation_accuracy": epoch / 11}
        for epoch in (1, 2, 3)
    ]  # fmt: skip
    training = json.dumps({"history": history, "best_epoch": 3})
    (model / "training.json").write_text(training)
    (model / "profile.html").write_text("<h1>Where the time went</h1>")
    (model / "debug_rules.json").write_text('[{"rule": "Overfit", "status": "NoIssuesFound"}]')
    pack(model, root / "input" / "model" / "model.tar.gz")
    always_three = [probabilities(3, SURE)] * len(PLAN)
    approved = save_model(root / "approved", CLASSES, files, always_three)
    pack(approved, root / "approved.tar.gz")
    (root / "input" / "approved").mkdir()
    (root / "input" / "approved" / "no-model.txt").write_text("no model is approved yet")
    return root / "input"


def read(folder: Path, name: str = "evaluation.json") -> Any:
    return json.loads((folder / name).read_text())
