"""How a trained model answers for one bin: SageMaker's four functions.

Training ships this file inside the model as `code/inference.py`, beside what it imports. The
server of the inference image and AWS's own PyTorch inference toolkit both import it from there;
Evaluate does so, too, so that it evaluates exactly what is served. It needs no torch if the model
was exported for ONNX Runtime.

    request  an image, alone or with the stock record of the bin: see request.py
    answer   {"count": 3, "confidence": 0.61, "probabilities": {"1": 0.02, "2": 0.2, ...},
              "expected_count": 2.9}
             and with an expected quantity also {"expected_quantity": 3, "match": true,
             "match_confidence": 0.61}, plus an "explanation" if the model cannot judge it
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np

import engine
import photo
import pixels
import request
from record import Record
from request import RequestError

DIGITS = 6  # of a probability in an answer
# A server may join this many requests for one `predict_fn`. More are no faster, wait longer, and
# need memory that is never returned.
MAX_BATCH = 8

Answer = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One decoded request: uint8 pixels (size, size, 3), and the bin's stock record if given."""

    pixels: pixels.Pixels
    record: Record | None = None


@dataclass(frozen=True)
class Model:
    """A loaded model: its engine and the counts that it can answer."""

    engine: engine.Engine
    classes: tuple[int, ...]


def model_fn(model_dir: str) -> Model:
    """Load the model that training wrote.

    Args:
        model_dir: The unpacked model.tar.gz, with model.json and the files that it lists.

    Raises:
        engine.ModelError: A file is missing, or is not the one that training wrote.
    """
    return _load(Path(model_dir))


def reference_fn(model_dir: str) -> Model:
    """Load the same model in PyTorch, with which Evaluate compares what `model_fn` loads."""
    return _load(Path(model_dir), engine.PYTORCH)


def input_fn(body: bytes, content_type: str | None, context: Any = None) -> list[Request]:
    """Decode one request, as a batch of one.

    Args:
        body: The bytes of an image, a form or JSON, as `request.read` describes them.
        content_type: The content type.
        context: The server's; `get_all_request_header(0)` returns the request's headers.

    Raises:
        RequestError: 400 if there is no image or the record cannot be read, 413 if the image is too
            large, 415 for another content type.
    """
    content = request.read(body, content_type, _headers(context))
    size = int(_settings(Path(__file__).resolve().parent.parent / "model.json")["image_size"])
    return [Request(_decode(content.image, size), content.record)]


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
    probabilities = model.engine.run(np.stack([asked.pixels for asked in batch]))
    if not np.isfinite(probabilities).all():
        raise ArithmeticError("the network's outputs are not finite; its training has diverged")
    chosen = engine.decide(probabilities, model.classes)
    return [
        _answer(row, best, model.classes, asked.record.quantity if asked.record else None)
        for row, best, asked in zip(probabilities.tolist(), chosen, batch, strict=True)
    ]


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
    answer = prediction[0] if len(prediction) == 1 else prediction
    return json.dumps(answer), "application/json"


def _answer(
    probabilities: list[float], best: int, classes: tuple[int, ...], expected: int | None
) -> Answer:
    """The answer for one image, whose count is that of index `best`.

    `match_confidence` is the probability that the verdict is right: the probability of the expected
    quantity if it matches, and of all other counts if it does not.
    """
    by_count = dict(zip(classes, probabilities, strict=True))
    answer: Answer = {
        "count": classes[best],
        "confidence": round(probabilities[best], DIGITS),
        "probabilities": {str(count): round(value, DIGITS) for count, value in by_count.items()},
        "expected_count": round(sum(count * value for count, value in by_count.items()), DIGITS),
    }
    if expected is None:
        return answer
    answer["expected_quantity"] = expected
    if expected not in by_count:
        # Training had no bin with this quantity: nothing is confirmed, and a person has to look.
        return answer | {
            "match": False,
            "match_confidence": 0.0,
            "explanation": f"the model counts {', '.join(map(str, classes))} and cannot judge "
            f"whether a bin holds {expected}; have somebody look",
        }
    match = classes[best] == expected
    confidence = round(by_count[expected] if match else 1 - by_count[expected], DIGITS)
    return answer | {"match": match, "match_confidence": confidence}


def _load(folder: Path, engine_name: str = "") -> Model:
    settings = _settings(folder / "model.json")
    loaded = engine.load(folder, settings, engine_name)
    return Model(loaded, tuple(int(count) for count in settings["classes"]))


def _decode(body: bytes, size: int) -> pixels.Pixels:
    try:
        return pixels.decode(body, size, photo.MAX_PIXELS)
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
    settings: dict[str, Any] = json.loads(file.read_text())
    return settings
