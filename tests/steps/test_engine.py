"""The engine: which file it loads, what it refuses, and that ONNX Runtime answers as PyTorch."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import engine
from tests.steps.tiny_model import CLASSES, draw_bin, drawn_channel, pixels_of, read_settings


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    """A copy of an exported model that a test may damage."""
    return Path(shutil.copytree(exported, tmp_path / "model"))


def test_onnx_runtime_gives_the_answers_of_pytorch(exported: Path) -> None:
    settings = read_settings(exported)
    pixels = pixels_of(drawn_channel(*CLASSES))
    first, second = (engine.load(exported, settings, name) for name in ("auto", "pytorch"))
    assert (first.name, first.file, second.file) == ("onnxruntime", "model.onnx", "model.pt")
    assert first.run(pixels).photo == pytest.approx(second.run(pixels).photo, abs=1e-5)


def test_an_endpoint_with_an_exported_model_never_imports_torch(exported: Path) -> None:
    """That is what makes it start in a second."""
    program = (
        "import sys, inference\n"
        f"model = inference.model_fn({str(exported)!r})\n"
        "request = inference.input_fn(open(sys.argv[1], 'rb').read(), 'image/jpeg')\n"
        "print(inference.output_fn(inference.predict_fn(request, model), None)[0])\n"
        "print(sorted({'torch', 'torchvision', 'timm', 'network'} & set(sys.modules)))\n"
    )
    picture = exported.parent / "bin.jpg"
    draw_bin(3, 0).save(picture)
    done = subprocess.run(
        [sys.executable, "-c", program, picture], cwd=exported / "code",
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer, imported = done.stdout.splitlines()
    assert set(json.loads(answer)["probabilities"]) == {"1", "3", "5"}
    assert imported == "[]"


def spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["code/pixels.py", "code/inference.py"])
def test_changed_code_is_refused_by_name(model: Path, name: str) -> None:
    spoil(model / name)
    with pytest.raises(engine.ModelError, match=f"{name} is not the file that training wrote"):
        engine.load(model, read_settings(model))


def test_changed_weights_are_refused_by_name(model: Path) -> None:
    spoil(model / "model.pt")
    with pytest.raises(engine.ModelError, match=r"model\.pt is not the file that training wrote"):
        engine.load(model, read_settings(model), engine.PYTORCH)


@pytest.mark.parametrize("loss", ["changed", "missing", "not listed", "no onnxruntime"])
def test_pytorch_answers_where_the_export_cannot_be_used(
    model: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    settings = read_settings(model)
    if loss == "no onnxruntime":  # as in AWS's own PyTorch image
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    elif loss == "changed":
        spoil(model / "model.onnx")
    elif loss == "missing":
        (model / "model.onnx").unlink()
    else:
        del settings["files"]["model.onnx"]
    found = engine.load(model, settings)
    assert (found.name, found.file) == ("pytorch", "model.pt")
    assert ("onnxruntime" if loss == "no onnxruntime" else "model.onnx") in found.instead_of
    assert "model.onnx is not used: " in caplog.text
    assert "PyTorch answers in its place" in caplog.text
    with pytest.raises(engine.ModelError, match=r"model\.onnx cannot be used"):
        engine.load(model, settings, engine.ONNX_RUNTIME)


def test_an_invalid_network_file_is_not_served(model: Path) -> None:
    """The hash fits, as where somebody seals a broken file: ONNX Runtime's own words are told."""
    (model / "model.onnx").write_bytes(b"nonsense")
    settings = read_settings(model)
    settings["files"]["model.onnx"] = hashlib.sha256(b"nonsense").hexdigest()
    assert engine.load(model, settings).instead_of


@pytest.mark.parametrize("files", [None, {}, ["model.pt"]], ids=["null", "empty", "a list"])
def test_a_model_that_lists_no_hashes_is_refused(
    model: Path, files: dict[str, object] | list[str] | None
) -> None:
    settings = read_settings(model) | {"files": files}
    for wanted in (settings, {k: v for k, v in settings.items() if k != "files"}):
        with pytest.raises(engine.ModelError, match="lists no files with their sha256"):
            engine.load(model, wanted)
        with pytest.raises(engine.ModelError, match="lists no files with their sha256"):
            engine.module(model, wanted)


def test_an_unknown_engine_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.CHOICE, "tensorrt")
    with pytest.raises(engine.ModelError, match="allowed: auto, onnxruntime, pytorch"):
        engine.load(model, read_settings(model))


def test_a_network_with_other_outputs_than_classes_is_refused(model: Path) -> None:
    settings = read_settings(model) | {"classes": [1, 3]}
    with pytest.raises(engine.ModelError, match=r"answers .3,. numbers .* lists 2 classes"):
        engine.load(model, settings)
