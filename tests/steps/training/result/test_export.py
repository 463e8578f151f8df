"""The model in the form that is served: exported, compared with PyTorch, sealed by hashes."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from tests.steps.tiny_model import CLASSES, SIZE, draw_bin, save_model
from training.data.images import Images
from training.result import artifact, export

LOSSES = {
    "cross-entropy": 3, "soft-ordinal": 6, "expected-count": 6, "coral": 5, "corn": 5,
}  # fmt: skip
LEVELS = [0, 1, 2, 3, 4, 5]


def images(*counts: int, each: int = 4) -> Images:
    """A channel of drawn bins, in memory."""
    pictures = [
        np.asarray(draw_bin(count, number).resize((SIZE, SIZE)))
        for count in counts
        for number in range(each)
    ]
    labels = [index for index in range(len(counts)) for _ in range(each)]
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    return Images(pixels, torch.tensor(labels), counts)


def pixels_of_every_count() -> np.ndarray:
    """As the engine takes them: (n, height, width, 3)."""
    pixels = images(*CLASSES).pixels
    assert isinstance(pixels, torch.Tensor)
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()


def trained(folder: Path, **settings: object) -> Path:
    """A model's folder as `artifact.write` leaves it."""
    folder = save_model(folder)
    described = settings_of(folder) | settings
    del described["files"]
    (folder / "model.json").write_text(json.dumps(described))
    if settings:
        import network

        torch.manual_seed(1)
        built = network.build(described["backbone"], described["outputs"])
        torch.save(built.state_dict(), folder / "model.pt")
    (folder / "training.json").write_text('{"best_epoch": 2}')
    return folder


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def settings_of(folder: Path) -> dict:
    return json.loads((folder / "model.json").read_text())


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = trained(tmp_path_factory.mktemp("export") / "model")
    export.write(folder, images(*CLASSES), images(*CLASSES))
    artifact.seal(folder)
    return folder


@pytest.fixture
def model(exported, tmp_path) -> Path:
    """A copy that a test may spoil."""
    return shutil.copytree(exported, tmp_path / "model")


# ---- what is written


def test_the_file_that_serves_and_every_files_hash(exported):
    settings = settings_of(exported)
    assert settings["serves"] == "model.onnx"
    code = {f"code/{name}.py" for name in ("engine", "inference", "network", "photo", "pixels")}
    assert set(settings["files"]) == {"model.pt", "model.onnx"} | code
    for name, found in settings["files"].items():
        assert found == sha256(exported / name)
    assert sorted(file.name for file in exported.glob("*.onnx")) == ["model.onnx"]


def test_how_it_compared_is_in_the_trainings_diary(exported):
    diary = json.loads((exported / "training.json").read_text())
    assert diary["best_epoch"] == 2
    report = diary["export"]
    assert report["serves"] == "model.onnx"
    assert report["model.onnx"]["images"] == 12
    assert report["model.onnx"]["difference"] < 1e-4
    assert report["model.onnx"]["agreement"] == 1
    assert "model.int8.onnx" not in report, "twelve images cannot show that 8 bits lose nothing"


def test_eight_bits(tmp_path, monkeypatch, capfd):
    """Where a loss of any size is allowed, so that so few images suffice."""
    monkeypatch.setattr(export, "LARGEST_LOSS", 1.0)
    folder = trained(tmp_path / "model")
    export.write(folder, images(*CLASSES), images(*CLASSES))
    artifact.seal(folder)
    assert settings_of(folder)["serves"] == "model.int8.onnx"
    report = json.loads((folder / "training.json").read_text())["export"]
    assert 0 < report["model.int8.onnx"]["difference"] < 0.5
    assert [file.name for file in folder.glob("*.onnx")] == ["model.int8.onnx"]
    assert (folder / "model.int8.onnx").stat().st_size < (folder / "model.pt").stat().st_size
    found = engine.load(folder, settings_of(folder))
    assert (found.name, found.file) == ("onnxruntime", "model.int8.onnx")
    assert capfd.readouterr().err == "", "what quantising says is for nobody"


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("mirrored", [False, True], ids=["one view", "two views"])
def test_every_loss_is_exported(tmp_path, loss, mirrored):
    levels = list(CLASSES) if loss == "cross-entropy" else LEVELS
    folder = trained(
        tmp_path / "model", loss=loss, levels=levels, outputs=LOSSES[loss], temperature=1.3,
        mirrored=mirrored,
    )  # fmt: skip
    export._to_onnx(folder, settings_of(folder))
    artifact.seal(folder)
    pixels = pixels_of_every_count()
    by_torch = engine.load(folder, settings_of(folder), engine.PYTORCH).run(pixels)
    served = settings_of(folder) | {"serves": "model.onnx"}
    by_onnx = engine.load(folder, served, engine.ONNX_RUNTIME).run(pixels)
    assert by_torch.shape == (12, 3)
    assert by_onnx == pytest.approx(by_torch, abs=1e-5)
    assert by_torch.std(axis=0).max() > 1e-4, "the images do not differ: nothing is compared"


def test_counts_that_are_learnt_from_and_never_answered_are_left_out(tmp_path):
    folder = trained(tmp_path / "model")
    export.write(folder, images(0, *CLASSES, 7), images(0, *CLASSES, 7))
    report = json.loads((folder / "training.json").read_text())["export"]
    assert report["model.onnx"]["images"] == 12


def test_without_an_export_pytorch_serves(tmp_path):
    folder = trained(tmp_path / "model")
    export.write(folder, images(*CLASSES), images(*CLASSES), onnx=False)
    assert settings_of(folder)["serves"] == "model.pt"
    assert not list(folder.glob("*.onnx"))


def test_a_network_that_cannot_be_exported_is_served_by_pytorch(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(export, "OPSET", 5)  # in which no such network can be written
    folder = trained(tmp_path / "model")
    export.write(folder, images(*CLASSES), images(*CLASSES))
    assert settings_of(folder)["serves"] == "model.pt"
    assert "the model cannot be exported, so PyTorch serves it: " in capsys.readouterr().out
    assert not list(folder.glob("*.onnx"))
    artifact.seal(folder)
    assert engine.load(folder, settings_of(folder)).name == "pytorch"


@pytest.mark.parametrize(
    ("wrong", "images", "serves"),
    [
        pytest.param(0, 1000, True, id="the same answers"),
        pytest.param(20, 1000, False, id="2 points lost"),
        pytest.param(0, 50, False, id="too few images to tell"),
    ],
)
def test_eight_bits_serve_where_their_loss_is_surely_small(wrong, images, serves):
    truth = np.zeros(images, int)
    answers = truth.copy()
    answers[:wrong] = 1
    found = export.compare(answers, truth, truth, 0.1)
    assert (found.lost + found.uncertainty <= export.LARGEST_LOSS) is serves


# ---- what is loaded


def test_onnx_runtime_answers_as_pytorch_does(exported):
    settings = settings_of(exported)
    pixels = pixels_of_every_count()
    first, second = (engine.load(exported, settings, name) for name in ("auto", "pytorch"))
    assert (first.name, first.file, second.file) == ("onnxruntime", "model.onnx", "model.pt")
    assert first.run(pixels) == pytest.approx(second.run(pixels), abs=1e-5)


def test_an_endpoint_with_an_exported_model_never_imports_torch(exported):
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
def test_changed_code_is_refused_by_name(model, name):
    spoil(model / name)
    with pytest.raises(engine.ModelError, match=f"{name} is not the file that training wrote"):
        engine.load(model, settings_of(model))


def test_changed_weights_are_refused_by_name(model):
    spoil(model / "model.pt")
    with pytest.raises(engine.ModelError, match=r"model\.pt is not the file that training wrote"):
        engine.load(model, settings_of(model), engine.PYTORCH)


@pytest.mark.parametrize("loss", ["changed", "missing", "not listed", "no onnxruntime"])
def test_pytorch_answers_where_the_export_cannot_be_used(model, caplog, monkeypatch, loss):
    settings = settings_of(model)
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


def test_what_is_no_network_is_not_served(model):
    """The hash fits, as where somebody seals a broken file: ONNX Runtime's own words are told."""
    (model / "model.onnx").write_bytes(b"nonsense")
    settings = settings_of(model)
    settings["files"]["model.onnx"] = sha256(model / "model.onnx")
    assert engine.load(model, settings).instead_of


@pytest.mark.parametrize("files", [None, {}, ["model.pt"]], ids=["null", "empty", "a list"])
def test_a_model_that_lists_no_hashes_is_refused(model, files):
    settings = settings_of(model) | {"files": files}
    for wanted in (settings, {k: v for k, v in settings.items() if k != "files"}):
        with pytest.raises(engine.ModelError, match="lists no files with their sha256"):
            engine.load(model, wanted)
        with pytest.raises(engine.ModelError, match="lists no files with their sha256"):
            engine.module(model, wanted)


def test_a_choice_that_is_none(model, monkeypatch):
    monkeypatch.setenv(engine.CHOICE, "tensorrt")
    with pytest.raises(engine.ModelError, match="allowed: auto, onnxruntime, pytorch"):
        engine.load(model, settings_of(model))


def test_a_network_of_another_size(model):
    settings = settings_of(model) | {"classes": [1, 3]}
    with pytest.raises(engine.ModelError, match=r"answers .3,. numbers .* lists 2 classes"):
        engine.load(model, settings)
