"""The self-test of a model: some requests with the answers that training packed beside it.

Shipped in the model as `code/self_test.py`. A server that computes otherwise than training did, or
has other weights than model.json lists, fails when it loads, before it answers anybody. The
requests are in the model's folder `selftest`:

    1.jpg, 2.json ...   the body of each request
    answers.json        {"requests": [{"file": "1.jpg", "content_type": "image/jpeg",
                        "answers": {"model.onnx": {...}, "model.pt": {...}}}, ...]}

Each file of weights has answers of its own, as the 8-bit form answers otherwise than PyTorch.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import engine

FOLDER, ANSWERS = "selftest", "answers.json"
# Largest difference of a probability from the packed answer. Processors and versions of a library
# sum in another order, which changes a 32-bit answer by less than 0.001 (TF32 on a GPU: 0.005). The
# 8-bit form rounds between layers, and processors without VNNI instructions saturate sums.
TOLERANCE, TOLERANCE_8_BIT = 0.02, 0.15
EIGHT_BIT = "int8"

# From the body of a request and its content type to the answer, as JSON.
Respond = Callable[[bytes, str], str]

log = logging.getLogger("self_test")


def check(folder: Path, settings: engine.Settings, weights: str, respond: Respond) -> None:
    """Have the packed requests answered, and compare with the packed answers.

    A model of before there were self-tests has none, which is logged.

    Args:
        folder: the unpacked model.tar.gz.
        settings: its model.json.
        weights: the file of weights that is loaded.
        respond: answers one request, the way a server does.

    Raises:
        engine.ModelError: an answer differs, a file is missing or changed, or a request fails.
    """
    listed = f"{FOLDER}/{ANSWERS}"
    if listed not in engine.listed(settings):
        log.warning("the model has no self-test (%s), as it was trained before these", listed)
        return
    started, largest = time.monotonic(), 0.0
    document = json.loads(engine.read(folder, settings, listed))
    tolerance = TOLERANCE_8_BIT if EIGHT_BIT in weights else TOLERANCE
    compared = 0
    for request in document["requests"]:
        name = f"{FOLDER}/{request['file']}"
        body = engine.read(folder, settings, name)
        expected = request["answers"].get(weights)
        if expected is None:
            continue
        try:
            actual = json.loads(respond(body, request["content_type"]))
        except Exception as error:
            raise engine.ModelError(
                f"the self-test failed: {weights} does not answer {name}: "
                f"{type(error).__name__}: {error}"
            ) from error
        found = difference(expected, actual)
        if not found <= tolerance:  # also refuses NaN
            raise engine.ModelError(_differs(weights, name, expected, actual, found, tolerance))
        largest, compared = max(largest, found), compared + 1
    log.info(
        "self-test passed: %d answers of %s differ from training's by at most %.1e (%g allowed), "
        "%.2f s",
        compared, weights, largest, tolerance, time.monotonic() - started,
    )  # fmt: skip


def difference(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> float:
    """The largest difference of a probability in two answers; infinite if their forms differ.

    The count and the verdict follow from the probabilities; where two counts are nearly equally
    probable, one may take the place of the other.
    """
    if expected.keys() != actual.keys():
        return math.inf
    largest = 0.0
    for key, value in expected.items():
        other = actual[key]
        if isinstance(value, Mapping):
            same = isinstance(other, Mapping)
            found = difference(value, other) if same else math.inf
        elif isinstance(value, bool) and key == "looks_like_a_bin":
            found = 0.0 if value is other else math.inf
        elif _is_probability(key, value):
            found = abs(value - other) if isinstance(other, int | float) else math.inf
        elif value is None and other is not None:
            found = math.inf
        else:
            continue
        largest = max(largest, found) if not math.isnan(found) else math.nan
        if math.isnan(largest):
            return largest
    return largest


def _is_probability(key: str, value: Any) -> bool:
    """Whether a value is one, or another share from 0 to 1; all floats are but for these."""
    return isinstance(value, float) and key not in ("expected_count", "strangeness")


def _differs(
    weights: str,
    name: str,
    expected: Mapping[str, Any],
    actual: Mapping[str, Any],
    found: float,
    tolerance: float,
) -> str:
    how = f"by {found:.3f} of a probability; {tolerance:g} is allowed"
    if math.isinf(found):
        how = "in more than its probabilities"
    return (
        f"the self-test failed: to {name}, {weights} answers {actual.get('count')} "
        f"({actual.get('confidence')}), and training packed {expected.get('count')} "
        f"({expected.get('confidence')}). The answers differ {how}. Either the model was changed "
        "after training, or this machine computes otherwise: deploy the archive as Train wrote it, "
        "or choose another instance type"
    )
