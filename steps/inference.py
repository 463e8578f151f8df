"""How a trained model answers for one bin: SageMaker's four functions.

Training ships this file inside the model as `code/inference.py`, beside what it imports. The
server of the inference image and AWS's own PyTorch inference toolkit both import it from there;
Evaluate does so, too, so that it evaluates exactly what is served. It needs no torch if the model
was exported for ONNX Runtime.

    request  an image, alone or with the stock record of the bin: see request.py
    answer   {"count": 3, "or_more": false, "confidence": 0.61, "probabilities": {"0": 0.02, ...,
              "6+": 0.01}, "expected_count": 2.9, "looks_like_a_bin": true, "model": "3f9a1c0b77d2",
              "input": {"brightness": 0.44, ..., "strangeness": 1.8}}
             and with a record also {"expected_quantity": 3, "verdict": "pass",
             "match_probability": 0.97, "reason": "photo and record agree on 3 items"}
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np

import answer
import engine
import input_statistics
import photo
import pixels
import request
import self_test
from answer import Answer
from counts import Classes
from decision import Evidence, Rule
from record import Record
from request import RequestError

# A server may join this many requests for one `predict_fn`. More are no faster, wait longer, and
# need memory that is never returned.
MAX_BATCH = 8
ID_DIGITS = 12  # of a hash, that tell a model from all others


@dataclass(frozen=True)
class Request:
    """One decoded request: uint8 pixels (size, size, 3), and the bin's stock record if given.

    `statistics` are those of the photo, from `input_statistics.describe`.
    """

    pixels: pixels.Pixels
    record: Record | None = None
    statistics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A loaded model.

    Attributes:
        engine: what computes it.
        classes: the counts that it can answer.
        rule: for decisions; None if its training fitted none.
        image_size: width and height in pixels of the images that it sees.
        id: the beginning of the SHA-256 of its model.json, which lists the hashes of its files.
    """

    engine: engine.Engine
    classes: Classes
    rule: Rule | None = None
    image_size: int = 0
    id: str = ""


def model_fn(model_dir: str) -> Model:
    """Load the model that training wrote, and have it pass its self-test.

    Args:
        model_dir: The unpacked model.tar.gz, with model.json and the files that it lists.

    Raises:
        engine.ModelError: A file is missing, or is not the one that training wrote, or the model
            answers otherwise than it did in training.
    """
    folder = Path(model_dir)
    model = load(folder)
    settings = _read_settings(folder / "model.json")
    self_test.check(folder, settings, model.engine.file, functools.partial(respond, model))
    return model


def reference_fn(model_dir: str) -> Model:
    """Load the same model in PyTorch, with which Evaluate compares what `model_fn` loads."""
    return load(Path(model_dir), engine.PYTORCH)


def input_fn(
    body: bytes | bytearray | str | None, content_type: str | None, context: Any = None
) -> list[Request]:
    """Decode one request, as a batch of one.

    Args:
        body: The bytes of an image, a form or JSON, as `request.read` describes them.
        content_type: The content type.
        context: The server's; `get_all_request_header(0)` returns the request's headers.

    Raises:
        RequestError: 400 if there is no image or the record cannot be read, 413 if the image is too
            large, 415 for another content type.
    """
    settings = _settings(Path(__file__).resolve().parent.parent / "model.json")
    return _parse(body, content_type, _headers(context), int(settings["image_size"]))


def predict_fn(batch: list[Request], model: Model) -> list[Answer]:
    """Count the items of each image.

    Args:
        batch: Requests of `input_fn`, of one or of many calls.
        model: The model of `model_fn`.

    Returns:
        An answer for each request, in order.

    Raises:
        ArithmeticError: The network's outputs are not finite, as after a diverged training.
    """
    return [
        answer_fn(evidence, asked, model)
        for evidence, asked in zip(evidence_fn(batch, model), batch, strict=True)
    ]


def answer_fn(evidence: Evidence, asked: Request, model: Model) -> Answer:
    """The answer to one request, of what the network says about it.

    Args:
        evidence: of `evidence_fn`.
        asked: the request.
        model: the model of `model_fn`.
    """
    strangeness = round(evidence.strangeness, answer.DIGITS)
    return answer.compose(evidence, asked.record, model.classes, model.rule) | {
        "model": model.id,
        "input": {**asked.statistics, "strangeness": strangeness},
    }


def evidence_fn(batch: list[Request], model: Model) -> list[Evidence]:
    """What the network says about each request; Evaluate judges many records with it.

    Args:
        batch: as for `predict_fn`.
        model: the same.

    Raises:
        ArithmeticError: as `predict_fn`.
    """
    outputs = model.engine.run(
        np.stack([asked.pixels for asked in batch]), [asked.record for asked in batch]
    )
    if not np.isfinite(outputs.photo).all():
        raise ArithmeticError("the network's outputs are not finite; its training has diverged")
    return [
        Evidence(
            outputs.photo[index].astype(float),
            strangeness=float(outputs.strangeness[index]),
            **_by_items(outputs, index) if asked.record and asked.record.items is not None else {},
        )
        for index, asked in enumerate(batch)
    ]


def _by_items(outputs: engine.Outputs, index: int) -> dict[str, np.ndarray]:
    """What the items on record say; nothing for a model that was trained without records."""
    if outputs.items is None or outputs.both is None:
        return {}
    return {"items": outputs.items[index].astype(float), "both": outputs.both[index].astype(float)}


def output_fn(prediction: list[Answer], accept: str | None) -> tuple[str, str]:
    """Return the answer as JSON, and its content type.

    Raises:
        RequestError: 406 if the client does not accept JSON.
    """
    kinds = [kind.split(";")[0].strip().lower() for kind in (accept or "*/*").split(",")]
    if not {"application/json", "application/*", "*/*", ""} & set(kinds):
        raise RequestError(
            HTTPStatus.NOT_ACCEPTABLE, f"'{accept}' is not available; accept application/json"
        )
    found = prediction[0] if len(prediction) == 1 else prediction
    return json.dumps(found), "application/json"


def load(folder: Path, engine_name: str = "") -> Model:
    """Load a model without its self-test.

    Args:
        folder: The unpacked model.tar.gz.
        engine_name: onnxruntime or pytorch; empty for what is best here.

    Raises:
        engine.ModelError: As `model_fn`, but for the self-test.
    """
    settings = _read_settings(folder / "model.json")
    loaded = engine.load(folder, settings, engine_name)
    classes = Classes(tuple(map(int, settings["classes"])), bool(settings.get("or_more", False)))
    identity = hashlib.sha256((folder / "model.json").read_bytes()).hexdigest()[:ID_DIGITS]
    return Model(loaded, classes, Rule.read(settings), int(settings["image_size"]), identity)


def respond(model: Model, body: bytes, content_type: str) -> str:
    """Answer one request by the same way as a server, from its body to JSON.

    Raises:
        RequestError: As `input_fn`.
        ArithmeticError: As `predict_fn`.
    """
    batch = _parse(body, content_type, {}, model.image_size)
    return output_fn(predict_fn(batch, model), None)[0]


def _parse(
    body: bytes | bytearray | str | None,
    content_type: str | None,
    headers: Mapping[str, str],
    size: int,
) -> list[Request]:
    content = request.read(body, content_type, headers)
    decoded, header = _decode(content.image, size)
    statistics = input_statistics.describe(decoded, header, len(content.image))
    return [Request(decoded, content.record, statistics)]


def _decode(body: bytes, size: int) -> tuple[pixels.Pixels, photo.Header]:
    try:
        return pixels.decode_with_header(body, size, photo.MAX_PIXELS)
    except pixels.TooLargeError as error:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the image is too large: {error}; at most {photo.MAX_PIXELS / 1e6:.0f} megapixels are "
            "allowed: send a smaller picture",
        ) from error
    except pixels.DamagedError as error:
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"the image is damaged or truncated ({error}); send it again"
        ) from error
    except pixels.NotAnImageError as error:
        raise RequestError(
            HTTPStatus.BAD_REQUEST, "this is not a readable image; send a JPEG or a PNG"
        ) from error


def _headers(context: Any) -> Mapping[str, str]:
    if context is None or not hasattr(context, "get_all_request_header"):
        return {}
    return {key.lower(): value for key, value in context.get_all_request_header(0).items()}


@functools.cache
def _settings(file: Path) -> dict[str, Any]:
    return _read_settings(file)


def _read_settings(file: Path) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(file.read_text())
    return settings
