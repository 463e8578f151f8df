"""A training with stock records, further bins and an open class, up to what is served."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pixels
import served_network
import train
from counts import Classes
from tests.steps.tiny_training import bin_image, options, read
from training.data.channels import choose_levels
from training.data.datasets import TrainingSet
from training.data.images import load_images
from training.environment import TrainingError
from training.hyperparameters import Recipe

COUNTS = (0, 1, 2, 3, 4)
CLASSES = "0-3+"


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


PICTURE = jpeg(bin_image(2, 3))


def item(count: int, number: int) -> dict[str, Any]:
    """The fewer items a bin holds, the larger they are."""
    return {
        "quantity": count, "length": 12 / count + 0.01 * (number % 7), "width": 3.0,
        "height": None if number % 5 == 0 else 2.0, "weight": 1.0,
    }  # fmt: skip


def channel(folder: Path, each: int, further: bool = False) -> Path:
    lines = []
    for count in COUNTS:
        (folder / str(count)).mkdir(parents=True)
        for number in range(each):
            identity = f"{count}{number:04}"
            bin_image(count, number).save(folder / str(count) / f"{identity}.jpg")
            items = [item(count, number)] if count else []
            lines.append({"id": identity, "count": count, "items": items, "further": False})
    if further:
        for number in range(12):
            identity = f"further-{number}"
            bin_image(1, number).save(folder / "1" / f"{identity}.jpg")
            lines.append({"id": identity, "count": 1, "items": None, "further": True})
    (folder / "bins.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


@pytest.fixture(scope="module")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The /opt/ml of a finished training."""
    root = tmp_path_factory.mktemp("opt")
    channel(root / "input/data/train", 26, further=True)
    channel(root / "input/data/validation", 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPT_ML", str(root))
        assert train.main(options(counts=CLASSES, epochs=2, export="auto", decision="auto")) == 0
    yield root


@pytest.fixture(scope="module")
def served(opt: Path) -> Iterator[tuple[Any, Any]]:
    """The program that the model ships, and the model that it loads."""
    code = opt / "model/code"
    own = {file.stem for file in code.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in own & set(sys.modules)}
    sys.path.insert(0, str(code))
    try:
        program = importlib.import_module("inference")
        yield program, program.model_fn(str(opt / "model"))
    finally:
        sys.path.remove(str(code))
        for name in own:
            sys.modules.pop(name, None)
        sys.modules.update(others)


def ask(served: tuple[Any, Any], record: Any) -> dict[str, Any]:
    program, model = served
    picture = pixels.decode(PICTURE, 32)
    parsed = None if record is None else program.request.record.parse(record)
    answer: dict[str, Any] = program.predict_fn([program.Request(picture, parsed)], model)[0]
    return answer


def listed(*quantities: int) -> list[dict[str, Any]]:
    return [{**item(2, number), "quantity": q} for number, q in enumerate(quantities)]


def test_the_model_answers_with_and_without_a_record(opt: Path, served: tuple[Any, Any]) -> None:
    settings = read(opt, "model.json")
    assert (settings["classes"], settings["or_more"]) == ([0, 1, 2, 3], True)
    assert settings["serves"] == "model.onnx"
    assert settings["decision"]["by_items"]["weights"]
    alone, both = ask(served, None), ask(served, listed(2))
    assert list(alone["probabilities"]) == ["0", "1", "2", "3+"]
    assert "photo_alone" not in alone and "verdict" not in alone
    assert both["photo_alone"]["probabilities"] == alone["probabilities"]
    assert both["probabilities"] != alone["probabilities"]
    assert both["verdict"] in ("pass", "look")
    assert sum(both["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    beyond = ask(served, listed(7))
    assert beyond["verdict"] == "cannot_judge"
    assert "the record lists 7 items, this model counts to 2" in beyond["reason"]


def test_a_trial_counts_by_the_photo_alone(
    opt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "input").symlink_to(opt / "input")
    monkeypatch.setenv("OPT_ML", str(tmp_path))
    assert train.main(options(counts=CLASSES, epochs=1, decision="none")) == 0
    assert "decision" not in read(tmp_path, "model.json")
    weights = torch.load(tmp_path / "model/model.pt", weights_only=True)
    assert not {name.split(".")[0] for name in weights} & set(served_network.OWN)


def test_quantities_change_no_bit_of_the_distribution(served: tuple[Any, Any]) -> None:
    first = ask(served, listed(1, 2, 3))
    for quantities in [*itertools.permutations((1, 2, 3)), (1, 1, 1), (2, 90, 4)]:
        found = ask(served, listed(*quantities))
        assert found["probabilities"] == first["probabilities"]
        assert found["photo_alone"] == first["photo_alone"]


def test_onnx_runtime_and_pytorch_agree_with_a_record(opt: Path) -> None:
    import engine
    import record

    settings = read(opt, "model.json")
    picture = np.stack([pixels.decode(PICTURE, 32)] * 3)
    records = [record.parse(listed(1, 2)), None, None]
    outputs = [
        engine.load(opt / "model", settings, name).run(picture, records)
        for name in ("onnxruntime", "pytorch")
    ]
    for name in ("photo", "items", "both"):
        one, other = (getattr(found, name) for found in outputs)
        assert one.shape == other.shape == (3, 4)
        assert one[0] == pytest.approx(other[0], abs=1e-4)
    assert outputs[0].strangeness == pytest.approx(outputs[1].strangeness, rel=1e-3)
    assert outputs[0].both is not None
    assert (outputs[0].both[1] == outputs[0].photo[1]).all()  # no record: the photo's answer


def test_further_bins_are_learnt_from_with_their_shares_corrected(opt: Path) -> None:
    images = load_images(opt / "input/data/train", 32, 2)
    levels = choose_levels(images, Classes.parse(CLASSES))
    made = TrainingSet.of(images, None, levels, Recipe())  # type: ignore[arg-type]
    further = images.further
    assert int(further.sum()) == 12
    assert (made.corrections[~further] == 0).all()
    # All of the further bins hold 1; among the others each count has a fifth of the bins.
    assert (made.corrections[further].argmax(1) == 1).all()
    learnt = torch.zeros(len(levels.counts)) + made.corrections[further][0]
    assert learnt.softmax(0)[1] > 0.6


def test_a_loss_without_outputs_to_correct_refuses_further_bins(opt: Path) -> None:
    images = load_images(opt / "input/data/train", 32, 2)
    levels = choose_levels(images, Classes.parse(CLASSES))
    with pytest.raises(TrainingError, match="the loss corn cannot learn from the further bins"):
        TrainingSet.of(images, None, levels, Recipe(loss="corn"))  # type: ignore[arg-type]


def test_bins_that_cannot_be_read_are_named_by_their_line(tmp_path: Path) -> None:
    folder = channel(tmp_path / "train", 2)
    file = folder / "bins.jsonl"
    file.write_text(file.read_text() + '{"id": 3}\n')
    with pytest.raises(TrainingError, match=r"line 11 of .*bins\.jsonl"):
        load_images(folder, 32, 2)
