"""The self-test that a model carries: what training packs, and what a load refuses."""

import hashlib
import importlib.util
import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import engine
import inference
import pixels
import self_test
from record import Item, Record
from tests.steps.containers.tally_inference.server_process import serving, wait
from tests.steps.tiny_model import (
    CLASSES,
    SIZE,
    drawn_channel,
    read_settings,
    unsealed_model,
)
from training.data.images import Images
from training.data.known_bins import KnownBin
from training.result import artifact, export, self_test_requests

pytestmark = pytest.mark.usefixtures("one_thread")


def with_records(images: Images) -> Images:
    """The channel with a stock record of two kinds of items for each bin."""
    items = (Item(1, 4.0, 3.0, 2.0, 1.0), Item(2))
    bins = tuple(KnownBin(record=Record(3, items)) for _ in range(len(images)))
    return Images(images.pixels, images.labels, images.classes, images.files, bins)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete model with its export and its self-test; tests read it or copy it."""
    folder = unsealed_model(tmp_path_factory.mktemp("self-test") / "model")
    channel = with_records(drawn_channel(*CLASSES))
    export.write(folder, channel, channel)
    self_test_requests.write(folder, channel)
    return folder


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return Path(shutil.copytree(trained, tmp_path / "model"))


def answers_of(model: Path) -> list[dict[str, Any]]:
    document: dict[str, list[dict[str, Any]]] = json.loads(
        (model / "selftest/answers.json").read_text()
    )
    return document["requests"]


def overwrite_weights(model: Path) -> None:
    """Change the last weights of model.onnx, and seal it as if training had written them."""
    graph = onnx.load(str(model / "model.onnx"))
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 1:
            changed = values + np.linspace(0, 3, values.size, dtype=np.float32).reshape(
                values.shape
            )
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    onnx.save(graph, str(model / "model.onnx"))
    seal_again(model)


def seal_again(model: Path) -> None:
    settings = read_settings(model)
    settings["files"] = {
        name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in settings["files"]
    }
    (model / "model.json").write_text(json.dumps(settings))


def test_training_packs_small_pictures_with_the_answers_of_each_file(trained: Path) -> None:
    requests = answers_of(trained)
    assert [one["content_type"] for one in requests] == ["image/jpeg", "application/json"] * 2
    assert all(set(one["answers"]) == {"model.onnx", "model.pt"} for one in requests)
    sent = json.loads((trained / "selftest/2.json").read_text())
    answer = requests[1]["answers"]["model.onnx"]
    assert sent["expected_quantity"] == answer["expected_quantity"] == answer["count"]
    assert sent["record"][0] == {
        "quantity": 1, "length": 4.0, "width": 3.0, "height": 2.0, "weight": 1.0,
    }  # fmt: skip
    assert "verdict" in answer and "verdict" not in requests[0]["answers"]["model.onnx"]
    assert sum(file.stat().st_size for file in (trained / "selftest").iterdir()) < 20_000


def test_a_picture_has_the_size_of_the_network_and_no_metadata(trained: Path) -> None:
    from PIL import Image

    with Image.open(trained / "selftest/1.jpg") as picture:
        assert picture.size == (SIZE, SIZE)
        assert not picture.getexif()


@pytest.mark.parametrize("choice", [engine.ONNX_RUNTIME, engine.PYTORCH])
def test_a_sound_model_passes_with_each_engine(
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    choice: str,
) -> None:
    monkeypatch.setenv(engine.CHOICE, choice)
    caplog.set_level(logging.INFO)
    assert inference.model_fn(str(model)).engine.name == choice
    assert "self-test passed: 4 answers of model." in caplog.text


def test_overwritten_weights_are_refused(model: Path) -> None:
    overwrite_weights(model)
    with pytest.raises(engine.ModelError, match=r"the self-test failed: to selftest/1\.jpg") as why:
        inference.model_fn(str(model))
    assert "of a probability; 0.02 is allowed" in str(why.value)
    assert "or choose another instance type" in str(why.value)


def test_a_request_that_fails_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no decoder")

    monkeypatch.setattr(pixels, "decode_with_header", broken)
    with pytest.raises(engine.ModelError, match=r"does not answer selftest/1\.jpg: ValueError: no"):
        inference.model_fn(str(model))


@pytest.mark.parametrize("change", ["changed", "missing"])
def test_a_changed_or_missing_self_test_is_refused(model: Path, change: str) -> None:
    answers = model / "selftest/answers.json"
    if change == "missing":
        shutil.rmtree(answers.parent)
    else:
        answers.write_text(answers.read_text().replace("0.", "0.1", 1))
    with pytest.raises(engine.ModelError, match=r"selftest/answers\.json is "):
        inference.model_fn(str(model))


def test_an_older_model_without_a_self_test_is_loaded(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(model / "selftest")
    artifact.seal(model)
    inference.model_fn(str(model))
    assert "the model has no self-test" in caplog.text


def test_the_8_bit_form_is_compared_with_its_own_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "LARGEST_LOSS", 1.0)
    folder = unsealed_model(tmp_path / "model")
    channel = drawn_channel(*CLASSES)
    export.write(folder, channel, channel)
    self_test_requests.write(folder, channel)
    assert all(set(one["answers"]) == {"model.int8.onnx", "model.pt"} for one in answers_of(folder))
    assert inference.model_fn(str(folder)).engine.file == "model.int8.onnx"


ANSWER: dict[str, Any] = {
    "count": 3, "confidence": 0.6, "probabilities": {"3": 0.6, "5": 0.4}, "expected_count": 3.8,
    "looks_like_a_bin": True, "verdict": "pass", "match_probability": 0.9,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, 0.0),
        ({"confidence": 0.61, "expected_count": 3.9}, 0.01),
        ({"probabilities": {"3": 0.3, "5": 0.7}}, 0.3),
        ({"match_probability": 0.5}, 0.4),
        ({"match_probability": None}, float("inf")),
        ({"looks_like_a_bin": False}, float("inf")),
        ({"probabilities": {"3": 1.0}}, float("inf")),
        ({"another": 1}, float("inf")),
        ({"confidence": float("nan")}, float("nan")),
    ],
)
def test_the_difference_of_two_answers(change: dict[str, Any], found: float) -> None:
    assert self_test.difference(ANSWER, ANSWER | change) == pytest.approx(found, nan_ok=True)


def test_a_server_with_overwritten_weights_is_never_ready(model: Path) -> None:
    """It ends, and its last line is the reason, which is what a failed deployment shows."""
    overwrite_weights(model)
    with serving(model.parent) as endpoint:
        statuses: set[int | None] = set()

        def ended() -> bool:
            statuses.add(endpoint.ping())
            return endpoint.process.poll() is not None

        wait(ended, "it does not end")
        assert endpoint.process.returncode == 1
        assert 200 not in statuses
        last = endpoint.log.read_text().strip().splitlines()[-1]
        assert "the self-test failed: to selftest/1.jpg, model.onnx answers" in last


def test_a_server_logs_that_the_self_test_passed(model: Path) -> None:
    with serving(model.parent) as endpoint:
        wait(lambda: endpoint.ping() == 200, "it is not ready")
        assert "self-test passed: 4 answers of model.onnx" in endpoint.log.read_text()


def test_without_pytorch_the_export_must_work(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the inference image."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )
    monkeypatch.setattr(engine, "GPU", Path("/dev/null"))
    assert engine.load(model, read_settings(model)).name == "onnxruntime"
    with pytest.raises(engine.ModelError, match=r"model\.pt needs PyTorch, which this image does"):
        engine.load(model, read_settings(model), engine.PYTORCH)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(engine.ModelError, match=r"model\.onnx cannot be used: .*onnxruntime"):
        engine.load(model, read_settings(model))
