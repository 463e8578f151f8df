"""The whole step where training fitted a temperature and Prepare gave validation images."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import evaluate
from tests.steps.tiny_model import CLASSES, draw_bin, pack, save_model

TEMPERATURE = 2.0
# (what the bin holds, the answer, its probability at temperature 1), by image
PLAN = [(1, 1, 0.9), (1, 3, 0.6), (3, 3, 0.9), (3, 3, 0.6), (5, 5, 0.9), (5, 3, 0.6)]


def draw(folder: Path) -> list[Path]:
    files = [folder / str(count) / f"{number:05}.jpg" for number, (count, _, _) in enumerate(PLAN)]
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        draw_bin(PLAN[number][0], number).save(file)
    return files


def probabilities(answer: int, confidence: float) -> np.ndarray:
    return np.array([confidence if c == answer else (1 - confidence) / 2 for c in CLASSES])


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("calibrated")
    files = draw(root / "test")
    (root / "manifest").mkdir()
    (root / "manifest/manifest.json").write_text('{"counts": {"train": {"1": 2, "3": 2, "5": 2}}}')
    answers = [probabilities(answer, confidence).tolist() for _, answer, confidence in PLAN]
    model = save_model(root / "saved", CLASSES, files, answers)
    settings = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(settings | {"temperature": TEMPERATURE}))
    pack(model, root / "model" / "model.tar.gz")
    evaluate.evaluate(root, root / "output", 4)
    return root / "output"


def test_the_answers_carry_the_temperature(output: Path) -> None:
    rows = list(csv.DictReader((output / "predictions.csv").open()))
    for row, (_, answer, confidence) in zip(rows, PLAN, strict=True):
        softened = probabilities(answer, confidence) ** (1 / TEMPERATURE)
        assert int(row["answer"]) == answer
        assert float(row["confidence"]) == pytest.approx(
            (softened / softened.sum()).max(), abs=2e-3
        )


def test_the_calibration_is_told_before_and_after_it(output: Path) -> None:
    found = json.loads((output / "evaluation.json").read_text())["tally"]["calibration"]
    assert found["temperature"] == TEMPERATURE
    # At temperature 1: of three answers each, all right at 0.9 and one right at 0.6.
    assert found["before"] == pytest.approx((abs(1 - 0.9) + abs(1 / 3 - 0.6)) / 2, abs=3e-3)
    soft = [(p / p.sum()).max() for p in (probabilities(1, c) ** 0.5 for c in (0.9, 0.6))]
    after = (abs(1 - soft[0]) + abs(1 / 3 - soft[1])) / 2
    assert found["after"] == pytest.approx(after, abs=3e-3)
