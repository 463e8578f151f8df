"""The exported model: what is written, and how it compares with PyTorch."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import engine
import model_code
from record import Item, Record
from record_network import RecordPart
from served_network import Joining
from tests.steps.tiny_model import CLASSES, drawn_channel, pixels_of, read_settings, unsealed_model
from training.environment import TrainingError
from training.result import artifact, export

LOSSES = {
    "cross-entropy": 3, "soft-ordinal": 6, "expected-count": 6, "coral": 5, "corn": 5,
}  # fmt: skip
LEVELS = [0, 1, 2, 3, 4, 5]


def test_model_json_names_the_serving_file_and_the_hash_of_each_file(exported: Path) -> None:
    settings = read_settings(exported)
    assert settings["serves"] == "model.onnx"
    code = {f"code/{name}" for name in model_code.FILES}
    assert set(settings["files"]) == {"model.pt", "model.onnx"} | code
    for name, found in settings["files"].items():
        assert found == hashlib.sha256((exported / name).read_bytes()).hexdigest()
    assert sorted(file.name for file in exported.glob("*.onnx")) == ["model.onnx"]


def test_the_comparison_is_in_training_json(exported: Path) -> None:
    diary = json.loads((exported / "training.json").read_text())
    assert diary["best_epoch"] == 2
    report = diary["export"]
    assert report["serves"] == "model.onnx"
    assert report["model.onnx"]["images"] == 12
    assert report["model.onnx"]["difference"] < 1e-4
    assert report["model.onnx"]["agreement"] == 1
    assert "model.int8.onnx" not in report, "twelve images cannot show that 8 bits lose nothing"


def test_the_8_bit_form_is_written_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where a loss of any size is allowed, so that so few images suffice."""
    monkeypatch.setattr(export, "LARGEST_LOSS", 1.0)
    folder = unsealed_model(tmp_path / "model")
    export.write(folder, drawn_channel(*CLASSES), drawn_channel(*CLASSES))
    artifact.seal(folder)
    assert read_settings(folder)["serves"] == "model.int8.onnx"
    report = json.loads((folder / "training.json").read_text())["export"]
    assert 0 < report["model.int8.onnx"]["difference"] < 0.5
    assert [file.name for file in folder.glob("*.onnx")] == ["model.int8.onnx"]
    assert (folder / "model.int8.onnx").stat().st_size < (folder / "model.pt").stat().st_size
    found = engine.load(folder, read_settings(folder))
    assert (found.name, found.file) == ("onnxruntime", "model.int8.onnx")
    assert capfd.readouterr().err == "", "what quantising says is for nobody"


def test_the_8_bit_form_reads_records_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the items say is not rounded, so it is PyTorch's."""
    monkeypatch.setattr(export, "LARGEST_LOSS", 1.0)
    folder = unsealed_model(tmp_path / "model", outputs=6, levels=LEVELS, loss="soft-ordinal")
    torch.manual_seed(2)
    parts: dict[str, Any] = {
        "record": RecordPart(6),
        "fusion": Joining(2, 3),
        "calibration": Joining(1, 3),
    }
    state = torch.load(folder / "model.pt", weights_only=True)
    for name, part in parts.items():
        state |= {f"{name}.{key}": value for key, value in part.state_dict().items()}
    torch.save(state, folder / "model.pt")
    export.write(folder, drawn_channel(*CLASSES), drawn_channel(*CLASSES))
    artifact.seal(folder)
    settings = read_settings(folder)
    assert settings["serves"] == "model.int8.onnx"
    pixels = pixels_of(drawn_channel(*CLASSES))
    records: list[Record | None] = [None] * len(pixels)
    records[3] = Record(2, (Item(2, 4.0, 3.0, 2.0, 1.0),))
    served, exact = (engine.load(folder, settings, name) for name in ("auto", "pytorch"))
    one, other = served.run(pixels, records), exact.run(pixels, records)
    assert one.items is not None and other.items is not None
    assert one.items[3] == pytest.approx(other.items[3], abs=1e-5)
    assert one.both is not None and one.both[3] != pytest.approx(one.photo[3], abs=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("mirrored", [False, True], ids=["one view", "two views"])
def test_every_loss_is_exported(tmp_path: Path, loss: Any, mirrored: bool) -> None:
    levels = list(CLASSES) if loss == "cross-entropy" else LEVELS
    folder = unsealed_model(
        tmp_path / "model", loss=loss, levels=levels, outputs=LOSSES[loss], temperature=1.3,
        mirrored=mirrored,
    )  # fmt: skip
    export._to_onnx(folder, read_settings(folder))
    artifact.seal(folder)
    pixels = pixels_of(drawn_channel(*CLASSES))
    by_torch = engine.load(folder, read_settings(folder), engine.PYTORCH).run(pixels).photo
    served = read_settings(folder) | {"serves": "model.onnx"}
    by_onnx = engine.load(folder, served, engine.ONNX_RUNTIME).run(pixels).photo
    assert by_torch.shape == (12, 3)
    assert by_onnx == pytest.approx(by_torch, abs=1e-5)
    assert by_torch.std(axis=0).max() > 1e-4, "the images do not differ: nothing is compared"


def test_images_of_counts_that_are_not_answered_are_not_compared(tmp_path: Path) -> None:
    folder = unsealed_model(tmp_path / "model")
    export.write(folder, drawn_channel(0, *CLASSES, 7), drawn_channel(0, *CLASSES, 7))
    report = json.loads((folder / "training.json").read_text())["export"]
    assert report["model.onnx"]["images"] == 12


def test_without_an_export_pytorch_serves(tmp_path: Path) -> None:
    folder = unsealed_model(tmp_path / "model")
    export.write(folder, drawn_channel(*CLASSES), drawn_channel(*CLASSES), mode="none")
    assert read_settings(folder)["serves"] == "model.pt"
    assert not list(folder.glob("*.onnx"))


def test_a_required_export_that_fails_ends_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the model is to be served in an image without PyTorch."""
    monkeypatch.setattr(export, "OPSET", 5)
    folder = unsealed_model(tmp_path / "model")
    with pytest.raises(TrainingError, match=r"cannot be exported .*images\.inference"):
        export.write(folder, drawn_channel(*CLASSES), drawn_channel(*CLASSES), mode="required")


def test_a_network_that_cannot_be_exported_is_served_by_pytorch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "OPSET", 5)  # in which no such network can be written
    folder = unsealed_model(tmp_path / "model")
    export.write(folder, drawn_channel(*CLASSES), drawn_channel(*CLASSES))
    assert read_settings(folder)["serves"] == "model.pt"
    assert "the model cannot be exported, so PyTorch serves it: " in capsys.readouterr().out
    assert not list(folder.glob("*.onnx"))
    artifact.seal(folder)
    assert engine.load(folder, read_settings(folder)).name == "pytorch"


@pytest.mark.parametrize(
    ("wrong", "images", "serves"),
    [
        pytest.param(0, 1000, True, id="the same answers"),
        pytest.param(20, 1000, False, id="2 points lost"),
        pytest.param(0, 50, False, id="too few images to tell"),
    ],
)
def test_the_8_bit_form_serves_only_if_its_loss_is_surely_small(
    wrong: int, images: int, serves: bool
) -> None:
    truth = np.zeros(images, int)
    answers = truth.copy()
    answers[:wrong] = 1
    found = export.compare(answers, truth, truth, 0.1)
    assert (found.lost + found.uncertainty <= export.LARGEST_LOSS) is serves
