"""Evaluate as SageMaker runs it, on twenty small images whose answers are known beforehand."""

import csv
import io
import json
import math
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import evaluate
from evaluation import approved_model, archive
from tests.steps.tiny_model import CLASSES, STEPS, draw_bin, pack, save_model
from training.result import artifact

SURE, LIKELY, UNSURE = 0.9, 0.7, 0.5
# (true count, answer, confidence) of each test image; the rest of the probability is shared.
PLAN = (
    [(1, 1, SURE)] * 4 + [(1, 3, UNSURE)] * 2
    + [(3, 3, LIKELY)] * 4 + [(3, 1, LIKELY)] * 1 + [(3, 5, UNSURE)] * 1
    + [(5, 5, SURE)] * 5 + [(5, 3, SURE)] * 1 + [(5, 1, UNSURE)] * 2
)  # fmt: skip
NAMES = {"confusion", "per_class", "reliability", "history", "mistakes", "slices", "grad_cam"} | {
    "decision",
}  # fmt: skip


def probabilities(answer: int, confidence: float) -> list[float]:
    return [confidence if count == answer else (1 - confidence) / 2 for count in CLASSES]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The step's inputs: a candidate of PLAN, an approved model that always says 3."""
    root = tmp_path_factory.mktemp("evaluate")
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


@pytest.fixture(scope="module")
def evaluated(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The step's output where no model is approved: one run that many tests look at."""
    output = tmp_path_factory.mktemp("output")
    evaluate.evaluate(inputs, output, 7)  # a size that the number of images is no multiple of
    return output


@pytest.fixture
def opt(tmp_path: Path, inputs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPT_ML", str(tmp_path))
    shutil.copytree(inputs, tmp_path / "processing" / "input")
    return tmp_path


def refusal(opt: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the step where it must refuse, and return what it says, on stderr and as ExitMessage."""
    assert evaluate.main([]) == 1
    captured = capsys.readouterr()
    message = (opt / "output" / "message").read_text()
    assert captured.err == f"evaluate: {message}\n"
    assert "Traceback" not in captured.err
    assert not (opt / "processing/output/evaluation/evaluation.json").exists()
    return message


def read(folder: Path, name: str = "evaluation.json") -> Any:
    return json.loads((folder / name).read_text())


def comparison(evaluation: dict[str, Any], name: str) -> str:
    """What a metric is compared with."""
    return next(one for one in evaluation["tally"]["metrics"] if one["name"] == name)["comparison"]


# ---- the whole step


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


def test_the_step_as_a_process_beside_an_approved_model(inputs: Path, opt: Path) -> None:
    """As SageMaker starts it; the candidate's own 13 against the approved model's 6 of 20."""
    shutil.copyfile(
        inputs.parent / "approved.tar.gz", opt / "processing/input/approved/model.tar.gz"
    )
    result = subprocess.run(
        [sys.executable, str(STEPS / "evaluate.py"), "--batch-size", "20"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    output = opt / "processing/output/evaluation"
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
    inputs: Path,
    opt: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It learnt from the first nine; the tenth is of the ninth's bin."""
    known = shutil.copytree(inputs.parent / "approved", tmp_path / "approved")
    (known / "learnt_from.txt").write_text("".join(f"{number:05}\n" for number in range(9)))
    pack(known, opt / "processing/input/approved/model.tar.gz")
    place = opt / "processing/input/manifest/manifest.json"
    bins = [{"id": f"{n:05}", "group": f"{min(n, 8) if n < 10 else n:05}"} for n in range(20)]
    place.write_text(json.dumps(json.loads(place.read_text()) | {"images": bins}))
    monkeypatch.setattr(approved_model, "FEWEST", 10)
    assert evaluate.main([]) == 0
    found = read(opt / "processing/output/evaluation")
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
    approved = read(opt / "processing/output/evaluation")["tally"]["approved"]
    assert (approved["images"], approved["only_unseen"]) == (20, False)
    assert approved["must_reach"] == {"value": 0.0}
    assert "so this decides nothing" in capsys.readouterr().out


def test_a_bare_model_beside_one_that_knows_other_counts(opt: Path, tmp_path: Path) -> None:
    """Without a history there is no plot of it; the older model finds at most the six of 1."""
    pack(save_model(tmp_path / "bare"), opt / "processing/input/model/model.tar.gz")
    older = save_model(tmp_path / "older", (1, 2))
    pack(older, opt / "processing/input/approved/model.tar.gz")
    assert evaluate.main(["--batch-size", "3"]) == 0
    output = opt / "processing/output/evaluation"
    assert read(output)["tally"]["approved"]["accuracy"]["value"] in (0.0, 0.3)
    assert {file.stem for file in (output / "plots").iterdir()} == NAMES - {"history"}
    assert not (output / "training.json").exists()


def test_a_model_whose_program_shows_no_network(
    opt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older model's: everything but the picture of where it looks."""
    folder = save_model(tmp_path / "older")
    program = (folder / "code" / "engine.py").read_text()
    (folder / "code" / "engine.py").write_text(re.sub(r"\bmodule\(", "_module(", program))
    artifact.seal(folder)
    pack(folder, opt / "processing/input/model/model.tar.gz")
    assert evaluate.main([]) == 0
    why = "the model's program offers no network in PyTorch"
    assert f"no picture of where the model looks: {why}\n" in capsys.readouterr().out
    output = opt / "processing/output/evaluation"
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


# ---- what it refuses


def test_no_model(opt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (opt / "processing/input/model/model.tar.gz").rename(opt / "processing/input/model/other.zip")
    message = refusal(opt, capsys)
    assert "no model.tar.gz in" in message
    assert "found: other.zip" in message


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: b"this is no archive", id="text"),
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="truncated"),
        pytest.param(lambda whole: whole[:2000] + b"\0" * 500 + whole[2500:], id="corrupt"),
    ],
)
def test_a_broken_archive(
    opt: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes]
) -> None:
    file = opt / "processing/input/model/model.tar.gz"
    file.write_bytes(damage(file.read_bytes()))
    message = refusal(opt, capsys)
    assert f"{file} is not a readable model.tar.gz" in message


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(("../outside.txt", None), id="path"),
        pytest.param(("model.pt", "/etc/passwd"), id="absolute link"),
        pytest.param(("code", "../.."), id="link to a folder above"),
        pytest.param(("code/copy.py", "answer.py"), id="link to a file of the model"),
    ],
)
def test_an_archive_that_reaches_outside(
    opt: Path, capsys: pytest.CaptureFixture[str], member: tuple[str, str | None]
) -> None:
    file = opt / "processing/input/approved/model.tar.gz"
    name, link = member
    with tarfile.open(file, "w:gz") as tar:
        entry = tarfile.TarInfo(name)
        if link:
            entry.type, entry.linkname = tarfile.SYMTYPE, link
        else:
            entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    assert "not safe to unpack" in refusal(opt, capsys)


def test_an_archive_that_is_no_model(
    opt: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "model.pt").write_bytes(b"")
    pack(tmp_path / "else", opt / "processing/input/model/model.tar.gz")
    assert "lacks model.json, code/inference.py, code/network.py" in refusal(opt, capsys)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("model.pt", b"no tensors", "does not load", id="weights"),
        pytest.param("model.json", b"{", "does not load: JSONDecodeError", id="settings"),
        pytest.param("code/inference.py", b"import nothing_like_it", "nothing_like_it", id="code"),
        pytest.param("code/inference.py", b"raise SystemExit(3)", "SystemExit", id="exit"),
    ],
)
def test_a_model_that_does_not_load(
    opt: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    content: bytes,
    said: str,
) -> None:
    folder = save_model(tmp_path / "bad")
    (folder / name).write_bytes(content)
    if name != "model.json":
        artifact.seal(folder)
    pack(folder, opt / "processing/input/model/model.tar.gz")
    assert said in refusal(opt, capsys)


def test_a_model_with_another_head_than_it_says(
    opt: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "bad")
    settings = read(folder, "model.json") | {"classes": [1, 3, 5, 7]}
    (folder / "model.json").write_text(json.dumps(settings))
    pack(folder, opt / "processing/input/model/model.tar.gz")
    assert "size mismatch" in refusal(opt, capsys)


def test_a_model_whose_training_diverged(
    opt: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import torch

    folder = save_model(tmp_path / "bad")
    state = torch.load(folder / "model.pt", weights_only=True)
    torch.save({k: v * float("nan") if v.is_floating_point() else v for k, v in state.items()},
               folder / "model.pt")  # fmt: skip
    artifact.seal(folder)
    pack(folder, opt / "processing/input/model/model.tar.gz")
    assert "its training has diverged" in refusal(opt, capsys)


def test_counts_that_the_model_does_not_know(opt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    test = opt / "processing/input/test"
    (test / "5").rename(test / "6")
    message = refusal(opt, capsys)
    assert "counts that the model does not know: 6 (the model knows 1, 3, 5)" in message


def test_an_image_that_is_none(opt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = opt / "processing/input/test/3/99999.jpg"
    file.write_bytes(b"\xff\xd8\xff\xe0 and no more")
    assert f"test image {file} is refused" in refusal(opt, capsys)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda i: shutil.rmtree(i / "test"), "no test set at", id="no test set"),
        pytest.param(
            lambda i: [file.unlink() for file in i.glob("test/*/*")], "is empty", id="empty"
        ),
        pytest.param(
            lambda i: (i / "test" / "many").mkdir(), "many is not a count", id="not a count"
        ),
        pytest.param(
            lambda i: (i / "manifest" / "manifest.json").unlink(),
            "it is Prepare's output 'manifest'",
            id="no manifest",
        ),
        pytest.param(
            lambda i: (i / "manifest" / "manifest.json").write_text("[]"),
            "is not Prepare's manifest",
            id="another manifest",
        ),
        pytest.param(
            lambda i: (i / "manifest" / "manifest.json").write_text('{"counts":{"train":{}}}'),
            "counts no training image",
            id="no training images",
        ),
    ],
)
def test_an_input_that_is_missing_or_another(
    opt: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], object], said: str
) -> None:
    spoil(opt / "processing" / "input")
    assert said in refusal(opt, capsys)


@pytest.mark.parametrize("size", ["0", "-1", "two"])
def test_a_batch_size_that_is_none(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        evaluate.main(["--batch-size", size])
    assert left.value.code == 2
    assert "--batch-size" in (said := capsys.readouterr().err)
    assert "whole number above 0" in said
