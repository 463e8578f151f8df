"""How the TensorFlow image answers requests; only TensorFlow itself is stood in for, by NumPy."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sagemaker_emulator.containers import framework_images

SERVING = str(framework_images.FOLDER / "serving")


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules of the image, which find each other by their folder."""
    monkeypatch.syspath_prepend(SERVING)
    import saved_models
    import tensorflow_model

    yield SimpleNamespace(saved=saved_models, tensorflow=tensorflow_model)
    for name in ("saved_models", "tensorflow_model", "framework_server"):
        sys.modules.pop(name, None)


class Tensor(np.ndarray):
    def numpy(self) -> Any:
        return np.asarray(self)


class Signature:
    """Adds a little to `x`, and `x` and `z`; shows an `image`; the mean of `all`."""

    def __init__(self, **inputs: Any) -> None:
        specs = {name: SimpleNamespace(dtype=dtype) for name, dtype in inputs.items()}
        self.structured_input_signature = ((), specs)

    def __call__(self, **tensors: Any) -> dict[str, Any]:
        if "image" in tensors:
            return {"seen_bytes": tensors["image"].view(Tensor)}
        if "all" in tensors:
            return {"y": np.array(tensors["all"].mean()).view(Tensor)}
        (x, *more) = tensors.values()
        outputs = {"y": (x + np.float32(1.1)).view(Tensor)}
        return {**outputs, "total": (x + more[0]).view(Tensor)} if more else outputs


def load(path: str) -> Any:
    signatures = {
        "serving_default": Signature(x=np.float32),
        "both": Signature(x=np.float32, z=np.float32),
        "pictures": Signature(image=object),
        "mean": Signature(all=np.float32),
    }
    return SimpleNamespace(signatures=signatures)


@pytest.fixture
def models(serving: SimpleNamespace, tmp_path: Path) -> Any:
    for version in ("half/1", "half/00000002", "other/7"):
        folder = tmp_path / "model" / version
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
    return serving.saved.SavedModels(tmp_path / "model", load, np.array)


def predict(models: Any, request: Any, path: str = "/v1/models/half:predict") -> tuple[int, Any]:
    status, body = models.answer("POST", path, json.dumps(request).encode())
    return status, json.loads(body)


def test_rows_and_columns_are_predicted(models: Any) -> None:
    assert predict(models, {"instances": [[1.0], [2]]}) == (200, {"predictions": [[2.1], [3.1]]})
    assert predict(models, {"instances": [{"x": 1}]}) == (200, {"predictions": [2.1]})
    assert predict(models, {"inputs": [1, 2]}) == (200, {"outputs": [2.1, 3.1]})
    both = {"signature_name": "both"}
    rows = [{"x": 1, "z": 2}, {"x": 3, "z": 4}]
    predictions = [{"y": 2.1, "total": 3.0}, {"y": 4.1, "total": 7.0}]
    assert predict(models, {**both, "instances": rows}) == (200, {"predictions": predictions})
    columns = {"x": [1], "z": [2]}
    outputs = {"y": [2.1], "total": [3.0]}
    assert predict(models, {**both, "inputs": columns}) == (200, {"outputs": outputs})
    picture = {"signature_name": "pictures", "instances": [{"image": {"b64": "/9g="}}]}
    assert predict(models, picture) == (200, {"predictions": [{"b64": "/9g="}]})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "either 'instances' or 'inputs'"),
        ({"instances": []}, "must be a list that is not empty"),
        ([1], "must be an object"),
        ({"instances": [1], "signature_name": "no"}, '"no" not found in signature def'),
        ({"instances": ["a"]}, "Failed to process the value of 'x'"),
        ({"instances": [1], "signature_name": "both"}, "the inputs x, z: name them"),
        ({"instances": [{"x": 1}], "signature_name": "both"}, "Missing inputs: z"),
        ({"instances": [{"x": 1}, {}]}, "Missing input 'x' in one of the instances"),
        ({"instances": [1, 2], "signature_name": "mean"}, "another batch size"),
    ],
)
def test_wrong_requests_are_refused(models: Any, request_: Any, message: str) -> None:
    status, answer = predict(models, request_)
    assert status == 400 and message in answer["error"]


def test_addresses_are_those_of_tensorflow_serving(models: Any) -> None:
    for path in ("/v1/models/none:predict", "/v1/models/half/versions/3:predict"):
        status, answer = predict(models, {"instances": [1]}, path)
        assert status == 404 and "Servable not found for request: " in answer["error"]
    assert predict(models, {"instances": [1]}, "/v1/models/half/versions/2:predict")[0] == 200
    status, answer = predict(models, {}, "/v1/models/half:classify")
    assert status == 400 and "not :classify" in answer["error"]
    status, body = models.answer("GET", "/v1/models/half", b"")
    versions = json.loads(body)["model_version_status"]
    assert [(each["version"], each["state"]) for each in versions] == [
        ("2", "AVAILABLE"),
        ("1", "AVAILABLE"),
    ]


def test_folder_without_a_model_is_an_error(serving: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no SavedModel bundles found"):
        serving.saved.SavedModels(tmp_path, load, np.array)


@pytest.mark.parametrize(
    ("text", "kind", "rest"),
    [
        ('{"instances": [1]}', "json", '{"instances": [1]}'),
        ("[1, 2]", "json", '{"instances":[[1, 2]]}'),
        ("[[1], [2]]", "json", '{"instances":[[1], [2]]}'),
        ('{"x": 1}\n{"x": 2}\n', "jsonlines", '{"instances":[{"x": 1},{"x": 2}]}'),
        ("1,2\n3,4\n", "csv", '{"instances":[[1,2],[3,4]]}'),
        ("1\n2", "csv", '{"instances":[1,2]}'),
        ("a,b c\nd,e", "csv", '{"instances":[["a","b c"],["d","e"]]}'),
        ('"a",1', "csv", '{"instances":[["a",1]]}'),
        ("x", "plain", None),
    ],
)
def test_requests_become_those_of_tensorflow_serving(
    serving: SimpleNamespace, text: str, kind: str, rest: str | None
) -> None:
    content_type = f"text/{kind}" if kind in ("csv", "plain") else f"application/{kind}"
    assert serving.tensorflow.to_rest(text, content_type) == rest


def model(serving: SimpleNamespace, models: Any, tmp_path: Path, script: str = "") -> Any:
    if script:
        (tmp_path / "model/code").mkdir()
        (tmp_path / "model/code/inference.py").write_text(script)
    return serving.tensorflow.TensorFlowModel(tmp_path / "model", models)


def test_custom_attributes_choose_the_model(
    serving: SimpleNamespace, models: Any, tmp_path: Path
) -> None:
    made = model(serving, models, tmp_path)
    headers = {"content-type": "text/csv", "accept": "application/json"}
    assert made.invoke(b"1", headers) == (
        200,
        "application/json",
        b'{    "predictions": [        2.1    ]}',
    )
    header = "tfs-model-name=other,tfs-model-version=8"
    status, _, body = made.invoke(b"1", {**headers, "x-amzn-sagemaker-custom-attributes": header})
    assert status == 404 and b"Specific(other, 8)" in body
    assert made.invoke(b"1", {"content-type": "image/png"})[0] == 415


SCRIPT = """
import json

def input_handler(data, context):
    assert context.request_content_type == "application/x-words"
    return json.dumps({"instances": [len(word) for word in data.read().decode().split()]})

def output_handler(response, context):
    if response.status_code != 200:
        raise ValueError(response.content.decode())
    return "; ".join(map(str, response.json()["predictions"])), context.accept_header
"""


def test_handlers_of_a_script_reach_the_rest_api(
    serving: SimpleNamespace, models: Any, tmp_path: Path
) -> None:
    made = model(serving, models, tmp_path, SCRIPT)
    headers = {"content-type": "application/x-words", "accept": "text/plain"}
    assert made.invoke(b"a word", headers) == (200, "text/plain", b"2.1; 5.1")
    status, _, body = made.invoke(b"", headers)
    assert status == 500 and "must be a list that is not empty" in json.loads(body)["error"]


def test_script_without_handlers_is_an_error(
    serving: SimpleNamespace, models: Any, tmp_path: Path
) -> None:
    with pytest.raises(NotImplementedError, match="Handlers are not implemented correctly"):
        model(serving, models, tmp_path, "def predict(data): ...")
    (tmp_path / "model/code/inference.py").write_text(
        "def handler(data, context): return data.read() + context.rest_uri[-14:].encode(), 'a/b'"
    )
    made = serving.tensorflow.TensorFlowModel(tmp_path / "model", models)
    assert made.invoke(b"x", {}) == (200, "a/b", b"x" + b"s/half:predict")
