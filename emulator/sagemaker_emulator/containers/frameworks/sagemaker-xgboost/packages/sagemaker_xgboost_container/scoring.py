"""Serves models of XGBoost's built-in algorithm, and of scripts in its image.

Contract: algorithm_mode/serve.py and handler_service.py of aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from sagemaker_inference import encoder
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler

from .channels import delimiter_of

_ACCEPTED = ("text/csv", "application/json", "application/jsonlines")
Answer = tuple[int, str, bytes]


class Algorithm:
    """A model of the built-in algorithm.

    Args:
        folder: Of the model; its first file that is not hidden is the booster.
    """

    def __init__(self, folder: Path) -> None:
        if "SAGEMAKER_INFERENCE_OUTPUT" in os.environ:
            raise RuntimeError(
                "the emulator does not run SAGEMAKER_INFERENCE_OUTPUT; leave it out, and derive "
                "labels and probabilities from the scores"
            )
        files = sorted(
            path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")
        )
        if not files:
            raise RuntimeError(f"there is no model file in {folder}")
        self._booster = _load(files[0])
        self._features = _features(self._booster)
        # What a batch transform asks for.
        self.execution_parameters = {
            "MaxConcurrentTransforms": os.cpu_count() or 1,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": 6,
        }

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Answer with a score for each row: CSV by default, or JSON as the client accepts it."""
        if not body:
            return 204, "text/plain", b""
        try:
            rows = decode(body, headers["content-type"], self._features)
        except (ValueError, IndexError) as error:
            return 415, "text/plain", str(error).encode()
        accept = headers.get("accept", "").partition(";")[0].strip().lower()
        if accept in ("", "*/*"):
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")
        if accept not in _ACCEPTED:
            text = f"Accept type {accept} is not supported. Supported: {', '.join(_ACCEPTED)}."
            return 406, "text/plain", text.encode()
        try:
            scores = _predict(self._booster, rows)
        except xgboost.core.XGBoostError as error:
            return 400, "text/plain", f"Unable to evaluate payload provided: {error}".encode()
        return 200, accept, _encoded(scores, accept)


def _load(path: Path) -> Any:
    """A booster, pickled as images before 1.3-1 do, or as XGBoost saves it: in AWS's order.

    A version that is asked to load a pickle as its own file may abort the process.
    """
    try:
        return pickle.loads(path.read_bytes())
    except Exception as error:  # whatever bytes that are no pickle make it raise
        pickled = error
    booster = xgboost.Booster()
    try:
        booster.load_model(str(path))
    except xgboost.core.XGBoostError as error:
        raise RuntimeError(f"Model {path} cannot be loaded: {pickled}; {error}") from None
    return booster


def _features(booster: Any) -> int | None:
    """How many features a model has; None where a version before 1.0 does not know."""
    if not hasattr(booster, "save_config"):
        return len(booster.feature_names or ()) or None
    learner = json.loads(booster.save_config())["learner"]
    return int(learner["learner_model_param"]["num_feature"])


def _predict(booster: Any, rows: xgboost.DMatrix) -> Any:
    return booster.predict(rows, validate_features=False)


def decode(body: bytes, content_type: str, features: int | None = None) -> xgboost.DMatrix:
    """The rows of a request, without labels.

    Args:
        body: The request's.
        content_type: The request's; LIBSVM if it has none, as a transform job's may.
        features: How many the model has. LIBSVM indices that end with this number begin at 1 and
            are moved; a model that was trained with such indices has a feature more.

    Raises:
        ValueError: They are not as their content type has it, or it is another.
    """
    kind = content_type.partition(";")[0].strip().lower()
    text = body.decode().strip()
    if kind == "text/csv":
        delimiter = delimiter_of(text.partition("\n")[0])
        cells = [
            [cell.strip() or "nan" for cell in line.split(delimiter)] for line in text.split("\n")
        ]
        return xgboost.DMatrix(np.array(cells, dtype=float))
    if kind in ("", "text/libsvm", "text/x-libsvm"):
        return xgboost.DMatrix(_sparse(text, features))
    raise ValueError(f"Content-type {content_type} is not supported.")


def _sparse(text: str, features: int | None) -> Any:
    """The rows of LIBSVM lines, whose labels are left out."""
    from scipy.sparse import csr_matrix

    lines = text.split("\n")
    cells = [
        (row, *word.split(":", 1))
        for row, line in enumerate(lines)
        for word in line.split()
        if ":" in word
    ]
    rows = np.array([row for row, _, _ in cells], dtype=int)
    columns = np.array([column for _, column, _ in cells], dtype=int)
    if len(columns) and columns.min() >= 1 and columns.max() == features:
        columns = columns - 1
    values = np.array([value for _, _, value in cells], dtype=float)
    # Of all lines, as the last ones may have labels alone.
    shape = (len(lines), max(columns.max(initial=0) + 1, features or 0))
    return csr_matrix((values, (rows, columns)), shape=shape)


def _encoded(scores: Any, accept: str) -> bytes:
    values = scores.tolist()
    if os.environ.get("SAGEMAKER_BATCH"):
        return "".join(f"{value}\n" for value in values).encode()
    if accept == "application/json":
        return json.dumps({"predictions": [{"score": value} for value in values]}).encode()
    if accept == "application/jsonlines":
        return "".join(json.dumps({"score": value}) + "\n" for value in values).encode()
    text = io.StringIO()
    np.savetxt(text, values, delimiter=",", fmt="%s")
    return text.getvalue().encode()


class Handler(DefaultInferenceHandler):  # type: ignore[misc]
    """What the image does where the user's script has no function of its own."""

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        """Decode CSV or LIBSVM."""
        body = input_data.encode() if isinstance(input_data, str) else input_data
        return decode(body, content_type)

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        """Predict with a booster."""
        return _predict(model, data)

    def default_output_fn(self, prediction: Any, accept: str) -> Any:
        """Encode as the client accepts it."""
        return encoder.encode(prediction, accept), accept
