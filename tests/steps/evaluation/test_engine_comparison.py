"""Evaluate holds what is served to what was trained."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import evaluate
from evaluation import engine_comparison
from evaluation.errors import EvaluationError
from evaluation.predictions import Predictions
from tests.steps.tiny_model import CLASSES, SIZE, draw_bin, pack, save_model
from training.data.images import Images
from training.result import artifact, export


def inputs(root: Path, model: Path) -> Path:
    """The step's inputs: three images of each count, and no approved model."""
    for count in CLASSES:
        (root / "test" / str(count)).mkdir(parents=True)
        for number in range(3):
            draw_bin(count, number).save(root / "test" / str(count) / f"{count}{number}.jpg")
    (root / "manifest").mkdir()
    (root / "manifest" / "manifest.json").write_text('{"counts": {"train": {"1": 5, "3": 5}}}')
    pack(model, root / "model" / "model.tar.gz")
    return root


def exported(folder: Path) -> Path:
    save_model(folder)
    (folder / "training.json").write_text("{}")
    pixels = torch.from_numpy(
        np.stack([np.asarray(draw_bin(c, n).resize((SIZE, SIZE))) for c in CLASSES for n in (0, 1)])
    )
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    some = Images(pixels.permute(0, 3, 1, 2), labels, CLASSES)
    export.write(folder, some, some)
    artifact.seal(folder)
    return folder


def serving(output: Path) -> Any:
    return json.loads((output / "evaluation.json").read_text())["tally"]["serving"]


def test_an_exported_model_is_judged_as_it_is_served_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = inputs(tmp_path / "input", exported(tmp_path / "model"))
    evaluate.evaluate(given, tmp_path / "output", 4)
    found = serving(tmp_path / "output")
    assert (found["engine"], found["file"]) == ("onnxruntime", "model.onnx")
    assert found["compared"]["images"] == 9
    assert found["compared"]["agreement"] == 1
    assert found["compared"]["largest_difference"] < 1e-4
    assert "onnxruntime (model.onnx) beside PyTorch: 100.0% of the answers" in (
        capsys.readouterr().out
    )


def test_a_model_that_pytorch_serves_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    given = inputs(tmp_path / "input", save_model(tmp_path / "model"))
    evaluate.evaluate(given, tmp_path / "output", 4)
    found = serving(tmp_path / "output")
    expected = {"engine": "pytorch", "file": "model.pt", "instead_of": "", "compared": None}
    assert expected.items() <= found.items()
    # What a photo costs follows from it.
    assert found["images_per_second"] > 0 and found["cores"] >= 1


def test_a_model_whose_export_was_changed_is_judged_by_pytorch_and_says_so(tmp_path: Path) -> None:
    model = exported(tmp_path / "model")
    (model / "model.onnx").write_bytes(b"another")
    evaluate.evaluate(inputs(tmp_path / "input", model), tmp_path / "output", 4)
    found = serving(tmp_path / "output")
    assert found["file"] == "model.pt"
    assert "model.onnx is not the file that training wrote" in found["instead_of"]


def test_the_export_of_another_network_is_refused(tmp_path: Path) -> None:
    model, other = exported(tmp_path / "model"), save_model(tmp_path / "other")
    state = torch.load(other / "model.pt", weights_only=True)
    head = next(name for name in reversed(state) if name.endswith("bias"))
    state[head] = torch.tensor([9.0, 0.0, 0.0])
    torch.save(state, other / "model.pt")
    export._to_onnx(other, json.loads((other / "model.json").read_text()))
    shutil.copyfile(other / "model.onnx", model / "model.onnx")
    artifact.seal(model)
    with pytest.raises(EvaluationError, match=r"model\.onnx does not predict as the network that"):
        evaluate.evaluate(inputs(tmp_path / "input", model), tmp_path / "output", 4)


def answers(right: int, images: int) -> Predictions:
    answer = np.where(np.arange(images) < right, 1, 3)
    sure = np.full(images, 0.9)
    return Predictions(
        images=(), classes=CLASSES, truth=np.ones(images, int), answer=answer, confidence=sure,
        truth_probability=sure, expected_count=sure, probabilities=sure[:, None],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("right", "allowed"),
    [
        pytest.param(800, True, id="none lost"),
        pytest.param(790, True, id="1 point lost, which may be chance"),
        pytest.param(760, False, id="4 points lost"),
    ],
)
def test_eight_bits_may_lose_half_a_point_and_what_chance_explains(
    right: int, allowed: bool
) -> None:
    compared = engine_comparison.compare(answers(right, 1000), answers(800, 1000))
    assert compared["lost"] == pytest.approx((800 - right) / 1000)
    assert bool(engine_comparison._problem(compared, eight_bits=True)) is not allowed
