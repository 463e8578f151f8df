"""TensorFlow SavedModels behind the REST API of TensorFlow Serving, whose server pip does not have.

Contract: https://www.tensorflow.org/tfx/serving/api_rest for requests and answers, tfs_utils.py of
aws/sagemaker-tensorflow-serving-container for where AWS's image looks for models. `classify` and
`regress` are refused.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

_ADDRESS = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(?::([a-z]+))?")


class Refused(Exception):
    """A request that TensorFlow Serving refuses.

    Args:
        status: Of HTTP.
        message: For the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SavedModels:
    """The models below a folder, each a folder of numbered versions with a `saved_model.pb`.

    Args:
        folder: Where AWS's image looks, /opt/ml/model; a version may lie directly in it.
        load: TensorFlow's `saved_model.load`.
        tensor: TensorFlow's `constant`.

    Raises:
        ValueError: There is none.
    """

    def __init__(
        self, folder: Path, load: Callable[[str], Any], tensor: Callable[..., Any]
    ) -> None:
        self._tensor = tensor
        self._models: dict[str, dict[int, Any]] = {}
        for path in sorted(folder.rglob("saved_model.pb")):
            if path.parent.name.isdigit() and path.parent != folder:
                versions = self._models.setdefault(path.parents[1].name, {})
                versions[int(path.parent.name)] = load(str(path.parent))
        if not self._models:
            raise ValueError(
                f"no SavedModel bundles found! There must be one in a folder with a number as its "
                f"name, such as {folder}/1/saved_model.pb."
            )

    @property
    def default(self) -> str:
        """The model of requests that name none."""
        return next(iter(self._models))

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Answer a request to the REST API: a status and a JSON document."""
        try:
            return 200, json.dumps(self._answer(method, path, body), indent=4).encode()
        except Refused as refused:
            return refused.status, json.dumps({"error": str(refused)}).encode()

    def _answer(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        match = _ADDRESS.fullmatch(path)
        if match is None or (method == "POST") != bool(match[3]):
            raise Refused(404, f"Malformed request: {method} {path}")
        versions = self._models.get(match[1], {})
        if not versions or (match[2] and int(match[2]) not in versions):
            wanted = f"Specific({match[1]}, {match[2]})" if match[2] else f"Latest({match[1]})"
            raise Refused(404, f"Servable not found for request: {wanted}")
        chosen = [int(match[2])] if match[2] else sorted(versions, reverse=True)
        if method == "GET":
            status = {"error_code": "OK", "error_message": ""}
            return {
                "model_version_status": [
                    {"version": str(version), "state": "AVAILABLE", "status": status}
                    for version in chosen
                ]
            }
        if match[3] != "predict":
            raise Refused(400, f"The emulator answers :predict only, not :{match[3]}.")
        return self._predict(versions[chosen[0]], _document(body))

    def _predict(self, model: Any, request: dict[str, Any]) -> dict[str, Any]:
        name = request.get("signature_name", "serving_default")
        if name not in model.signatures:
            raise Refused(400, f'Serving signature name: "{name}" not found in signature def')
        signature = model.signatures[name]
        wanted = signature.structured_input_signature[1]
        by_row = "instances" in request
        if by_row == ("inputs" in request):
            raise Refused(400, "JSON must have either 'instances' or 'inputs', and not both")
        given = _columns(request["instances"], wanted) if by_row else request["inputs"]
        if not isinstance(given, dict) or not given.keys() <= wanted.keys():
            given = _single(given, wanted)
        if missing := sorted(wanted.keys() - given.keys()):
            raise Refused(400, f"Missing inputs: {', '.join(missing)}")
        tensors = {key: self._input(key, given[key], spec) for key, spec in wanted.items()}
        try:
            outputs = {
                key: _json(key, value.numpy()) for key, value in signature(**tensors).items()
            }
        except Exception as error:  # what the graph raises, such as another shape
            raise Refused(400, str(error)) from error
        if not by_row:
            return {"outputs": next(iter(outputs.values())) if len(outputs) == 1 else outputs}
        return {"predictions": list(_rows(outputs, len(request["instances"])))}

    def _input(self, name: str, value: Any, spec: Any) -> Any:
        try:
            return self._tensor(_decoded(value), dtype=spec.dtype)
        except (TypeError, ValueError) as error:
            raise Refused(400, f"Failed to process the value of {name!r}: {error}") from error


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise Refused(400, f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise Refused(400, "JSON must be an object with 'instances' or 'inputs'")
    return document


def _columns(rows: Any, wanted: Mapping[str, Any]) -> Any:
    """The values of each input, from the rows of `instances`."""
    if not isinstance(rows, list) or not rows:
        raise Refused(400, "'instances' must be a list that is not empty")
    if not all(isinstance(row, dict) and row.keys() <= wanted.keys() for row in rows):
        return rows
    try:
        return {name: [row[name] for row in rows] for name in rows[0]}
    except KeyError as error:
        raise Refused(400, f"Missing input {error} in one of the instances") from error


def _single(value: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    if len(wanted) != 1:
        raise Refused(400, f"The model has the inputs {', '.join(sorted(wanted))}: name them")
    return {next(iter(wanted)): value}


def _decoded(value: Any) -> Any:
    """The value with each `{"b64": "…"}` as bytes."""
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if isinstance(value, dict) and value.keys() == {"b64"}:
        return base64.b64decode(value["b64"])
    return value


def _json(name: str, value: Any) -> Any:
    """An output as JSON has it; 32-bit floats with as many digits as they need."""
    array = np.asarray(value)
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        return array.astype(str).astype(np.float64).tolist()
    return _encoded(array.tolist(), name.endswith("_bytes"))


def _encoded(value: Any, binary: bool) -> Any:
    if isinstance(value, list):
        return [_encoded(each, binary) for each in value]
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()} if binary else value.decode()
    return value


def _rows(outputs: Mapping[str, Any], count: int) -> Iterator[Any]:
    if any(not isinstance(value, list) or len(value) != count for value in outputs.values()):
        raise Refused(400, "Tensors of the outputs have another batch size than the instances")
    for index in range(count):
        row = {name: value[index] for name, value in outputs.items()}
        yield next(iter(row.values())) if len(row) == 1 else row
