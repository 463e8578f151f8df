"""Evaluate as SageMaker runs it, on twenty small images whose answers are known beforehand."""

import csv
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import evaluate
from evaluation import approved_model, archive
from tests.steps.evaluation.planned_bins import LIKELY, PLAN, SURE, UNSURE, probabilities, read
from tests.steps.tiny_model import CLASSES, STEPS, pack, save_model
from training.result import artifact

NAMES = {"confusion", "per_class", "reliability", "history", "mistakes", "slices", "grad_cam"} | {
    "decision",
}  # fmt: skip


@pytest.fixture(scope="module")
def evaluated(planned_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The step's output where no model is approved: one run that many tests look at."""
    output = tmp_path_factory.mktemp("output")
    size = 7  # the number of images is no multiple of it
    evaluate.evaluate(planned_inputs, output, size)
    return output


def comparison(evaluation: dict[str, Any], name: str) -> str:
    """What a metric is compared with."""
    return next(one for one in evaluation["tally"]["metrics"] if one["name"] == name)["comparison"]


def test_the_model_answers_as_planned(evaluated: Path) -> None:
    """The other tests rest on this: what the step saw is what the plan says."""
    rows = list(csv.DictReader((evaluated / "predictions.csv").open()))
    found = [(int(row["count"]), int(row["answer"])) for row in rows]
    assert found == [(count, answer) for count, answer, _ in PLAN]
    for row, (_, answer, confidence) in zip(rows, PLAN, strict=True):
        assert float(row["confidence"]) == pytest.approx(confidence, abs=2e-3)
        mean = sum(c * p for c, p in zip(CLASSES, probabilities(answer, confidence), strict=True))
        assert float(row["expected_count"]) == pytest.approx(mean, abs=1e-2)
    assert [row["id"] for row in rows] == [f"{number:05}" for number in range(len(PLAN))]


def test_the_evaluation_agrees_with_plain_arithmetic(evaluated: Path) -> None:
    found = read(evaluated)
    right = [count == answer for count, answer, _ in PLAN]
    apart = [abs(count - answer) for count, answer, _ in PLAN]
    quality = found["multiclass_classification_metrics"]
    assert quality["accuracy"]["value"] == pytest.approx(sum(right) / 20) == 0.65
    assert 0.05 < quality["accuracy"]["standard_deviation"] < 0.17  # binomial: 0.107
    assert quality["accuracy_best_constant_classifier"]["value"] == 0.4  # always 5
    for count in CLASSES:
        for answer in CLASSES:
            pairs = sum((t, a) == (count, answer) for t, a, _ in PLAN)
            assert quality["confusion_matrix"][str(count)][str(answer)] == pairs
    errors = found["regression_metrics"]
    assert errors["mae"]["value"] == pytest.approx(sum(apart) / 20)
    assert errors["mse"]["value"] == pytest.approx(sum(d * d for d in apart) / 20)
    assert errors["rmse"]["value"] == pytest.approx(math.sqrt(sum(d * d for d in apart) / 20))
    tally = found["tally"]
    assert tally["test_images"] == 20
    assert tally["within_one_accuracy"]["value"] == 0.65  # counts are two apart here
    gap = sum(
        abs(sum(t == a for t, a, _ in group) - len(group) * confidence) / 20
        for confidence in (SURE, LIKELY, UNSURE)
        if (group := [one for one in PLAN if one[2] == confidence])
    )
    assert tally["calibration_error"]["value"] == pytest.approx(gap, abs=5e-3)
    assert tally["per_class"]["3"] == {
        "precision": pytest.approx(4 / 7, abs=1e-6),
        "recall": pytest.approx(4 / 6, abs=1e-6),
        "f1": pytest.approx(8 / 13, abs=1e-6),
        "support": 6,
    }
    f1 = [tally["per_class"][str(count)]["f1"] for count in CLASSES]
    assert tally["macro_f1"]["value"] == pytest.approx(sum(f1) / 3, abs=1e-6)
    assert comparison(found, "accuracy") == "always answering 3: 30.0 %"
    root = math.sqrt(sum((count - 3.2) ** 2 for count, _, _ in PLAN) / 20)
    assert f"always answering the mean, 3.20: {root:.2f} items" in comparison(found, "rmse")
    approved = tally["approved"]
    assert (approved["present"], approved["accuracy"]["value"]) == (False, 0.0)
    measured = found["multiclass_classification_metrics"]["accuracy"]["value"]
    assert approved["candidate_accuracy"]["value"] == pytest.approx(measured)


def test_what_training_wrote_is_handed_on(evaluated: Path) -> None:
    assert read(evaluated, "training.json")["best_epoch"] == 3
    assert read(evaluated, "debug_rules.json")[0]["rule"] == "Overfit"
    assert (evaluated / "profile.html").read_text() == "<h1>Where the time went</h1>"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_plot_is_a_picture(evaluated: Path, name: str) -> None:
    with Image.open(evaluated / "plots" / f"{name}.png") as picture:
        assert picture.format == "PNG"
        picture.load()
        grey = np.asarray(picture.convert("L"))
    assert min(grey.shape) > 400
    assert grey.std() > 10, "blank"
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    assert edges.min() == 255, "something is cut off at the edge"


def test_the_step_as_a_process_beside_an_approved_model(
    planned_inputs: Path, planned_opt: Path
) -> None:
    """As SageMaker starts it; the candidate's own 13 against the approved model's 6 of 20."""
    shutil.copyfile(
        planned_inputs.parent / "approved.tar.gz",
        planned_opt / "processing/input/approved/model.tar.gz",
    )
    result = subprocess.run(
        [sys.executable, str(STEPS / "evaluate.py"), "--batch-size", "20"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert result.returncode == 0, result.stderr
    output = planned_opt / "processing/output/evaluation"
    approved = read(output)["tally"]["approved"]
    assert approved["present"] is True
    assert approved["accuracy"]["value"] == pytest.approx(0.3)
    assert approved["difference"]["value"] == pytest.approx(0.35)
    assert approved["must_reach"] == {"value": approved["accuracy"]["value"]}  # no list: all count
    assert approved["only_candidate_right"] == 9
    assert approved["only_approved_right"] == 2
    assert "evaluated on 20 test images" in result.stdout
    assert "only the new one correct: 9, only the approved one: 2" in result.stdout
    assert comparison(read(output), "accuracy").startswith("the approved model: 30.0 %; diff")
    assert {file.stem for file in (output / "plots").glob("*.png")} == NAMES


def test_an_approved_model_is_not_judged_by_what_it_remembers(
    planned_inputs: Path,
    planned_opt: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It learnt from the first nine; the tenth is of the ninth's bin."""
    known = shutil.copytree(planned_inputs.parent / "approved", tmp_path / "approved")
    (known / "learnt_from.txt").write_text("".join(f"{number:05}\n" for number in range(9)))
    pack(known, planned_opt / "processing/input/approved/model.tar.gz")
    place = planned_opt / "processing/input/manifest/manifest.json"
    bins = [{"id": f"{n:05}", "group": f"{min(n, 8) if n < 10 else n:05}"} for n in range(20)]
    place.write_text(json.dumps(json.loads(place.read_text()) | {"images": bins}))
    monkeypatch.setattr(approved_model, "FEWEST", 10)
    assert evaluate.main([]) == 0
    found = read(planned_opt / "processing/output/evaluation")
    approved = found["tally"]["approved"]
    assert (approved["images"], approved["only_unseen"]) == (10, True)
    assert approved["must_reach"] == {"value": pytest.approx(0.2)}
    assert approved["accuracy"]["value"] == pytest.approx(0.2)  # two bins of 3 are left
    assert approved["candidate_accuracy"]["value"] == pytest.approx(0.5)
    assert approved["difference"]["value"] == pytest.approx(0.3)
    assert found["multiclass_classification_metrics"]["accuracy"]["value"] == pytest.approx(0.65)
    # Too few are left to tell: all of them are shown, and decide nothing.
    monkeypatch.setattr(approved_model, "FEWEST", 11)
    assert evaluate.main([]) == 0
    approved = read(planned_opt / "processing/output/evaluation")["tally"]["approved"]
    assert (approved["images"], approved["only_unseen"]) == (20, False)
    assert approved["must_reach"] == {"value": 0.0}
    assert "so this decides nothing" in capsys.readouterr().out


def test_a_bare_model_beside_one_that_knows_other_counts(planned_opt: Path, tmp_path: Path) -> None:
    """Without a history there is no plot of it; the older model finds at most the six of 1."""
    pack(save_model(tmp_path / "bare"), planned_opt / "processing/input/model/model.tar.gz")
    older = save_model(tmp_path / "older", (1, 2))
    pack(older, planned_opt / "processing/input/approved/model.tar.gz")
    assert evaluate.main(["--batch-size", "3"]) == 0
    output = planned_opt / "processing/output/evaluation"
    assert read(output)["tally"]["approved"]["accuracy"]["value"] in (0.0, 0.3)
    assert {file.stem for file in (output / "plots").iterdir()} == NAMES - {"history"}
    assert not (output / "training.json").exists()


def test_a_model_whose_program_shows_no_network(
    planned_opt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older model's: everything but the picture of where it looks."""
    folder = save_model(tmp_path / "older")
    program = (folder / "code" / "engine.py").read_text()
    (folder / "code" / "engine.py").write_text(re.sub(r"\bmodule\(", "_module(", program))
    artifact.seal(folder)
    pack(folder, planned_opt / "processing/input/model/model.tar.gz")
    assert evaluate.main([]) == 0
    why = "the model's program offers no network in PyTorch"
    assert f"no picture of where the model looks: {why}\n" in capsys.readouterr().out
    output = planned_opt / "processing/output/evaluation"
    assert read(output)["tally"]["grad_cam"] == {"left_out": why}
    drawn = {file.stem for file in (output / "plots").iterdir()}
    assert drawn == NAMES - {"history", "grad_cam", "decision"}
    assert why in read(output)["tally"]["decision"]["sentence"]


def test_each_model_runs_its_own_code(tmp_path: Path) -> None:
    """Also where this process has modules of the same names, which it gets back."""
    import inference
    import pixels

    loaded = []
    for name in ("first", "second"):
        folder = save_model(tmp_path / name)
        for file in (folder / "code").iterdir():
            file.write_text(f"{file.read_text()}\nORIGIN = '{name} {file.stem}'\n")
        artifact.seal(folder)
        pack(folder, tmp_path / f"{name}.channel" / "model.tar.gz")
        loaded.append(archive.load(tmp_path / f"{name}.channel", tmp_path / f"{name}.unpacked"))
    for name, model in zip(("first", "second"), loaded, strict=True):
        assert f"{name} inference" == model.program.ORIGIN
        assert f"{name} pixels" == model.program.pixels.ORIGIN
    assert sys.modules["inference"] is inference
    assert sys.modules["pixels"] is pixels
