"""How a trained model answers for one bin: SageMaker's four functions.

Training ships this file inside the model as `code/inference.py`, beside `code/network.py`. The
server of the inference image and AWS's own PyTorch inference toolkit both import it from there;
Evaluate does so too, so that what is judged is what is served.

    request  image/jpeg or image/png; optionally the quantity that the books say, in the header
             `X-Amzn-SageMaker-Custom-Attributes: expected_quantity=3`
    answer   {"count": 3, "confidence": 0.61, "probabilities": {"1": 0.02, "2": 0.2, ...},
              "expected_count": 2.9}
             and where a quantity was expected, also {"expected_quantity": 3, "match": true,
             "match_confidence": 0.61}, with an "explanation" if the model cannot judge it
"""

from __future__ import annotations

import functools
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import network
import torch
from PIL import Image, ImageOps

try:  # AWS's toolkit turns its own class of error into an HTTP status, and every other into 500
    from sagemaker_inference.errors import BaseInferenceToolkitError as ServerError
except ImportError:
    ServerError = Exception

CONTENT_TYPES = ("image/jpeg", "image/png")
FORMATS = ("JPEG", "PNG")
MAX_BYTES = 25 * 1024 * 1024  # what InvokeEndpoint itself lets through
MAX_PIXELS = 25_000_000
ATTRIBUTES_HEADER = "x-amzn-sagemaker-custom-attributes"
DIGITS = 6  # of a probability in an answer

Answer = dict[str, Any]


class RequestError(ValueError, ServerError):
    """The request cannot be answered, and the client can mend it.

    Attributes:
        status_code: the HTTP status, 4xx.
        message: what was wrong and what is allowed.
        phrase: the status in words, as AWS's toolkit wants it.
    """

    def __init__(self, status_code: int, message: str) -> None:
        ValueError.__init__(self, message)
        self.status_code = status_code
        self.message = message
        self.phrase = HTTPStatus(status_code).phrase

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Request:
    """One decoded request: uint8 pixels (3, size, size) and what the books say."""

    pixels: torch.Tensor
    expected_quantity: int | None = None


@dataclass(frozen=True)
class Model:
    """A loaded model: the network and the counts that its outputs stand for."""

    network: torch.nn.Module
    classes: tuple[int, ...]
    mean: torch.Tensor
    std: torch.Tensor
    device: torch.device


def model_fn(model_dir: str) -> Model:
    """Load the model that training wrote.

    Args:
        model_dir: the unpacked model.tar.gz, holding model.json and model.pt.
    """
    settings = _settings(Path(model_dir) / "model.json")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    classes = tuple(int(count) for count in settings["classes"])
    built = network.build(settings["backbone"], len(classes), pretrained=False)
    # weights_only: a pickle could run code, tensors cannot.
    state = torch.load(Path(model_dir) / "model.pt", map_location="cpu", weights_only=True)
    built.load_state_dict(state)
    built.eval().to(device, memory_format=torch.channels_last)
    mean, std = (
        torch.tensor(settings[name], device=device).view(1, 3, 1, 1) for name in ("mean", "std")
    )
    return Model(built, classes, mean, std, device)


def input_fn(body: bytes, content_type: str | None, context: Any = None) -> list[Request]:
    """Decode one request, as a batch of one.

    Args:
        body: the bytes of a JPEG or PNG.
        content_type: image/jpeg or image/png.
        context: of the server; `get_all_request_header(0)` gives the request's headers.

    Raises:
        RequestError: 400 for no image or an expected quantity that is none, 413 for one that is too
            large, 415 for another content type.
    """
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content type '{kind or 'none'}' is not served; send {' or '.join(CONTENT_TYPES)}",
        )
    expected = _expected_quantity(_headers(context))
    size = int(_settings(Path(__file__).resolve().parent.parent / "model.json")["image_size"])
    return [Request(_decode(body, size), expected)]


def predict_fn(batch: list[Request], model: Model) -> list[Answer]:
    """Count the items of each image.

    Args:
        batch: requests of `input_fn`, of one or of many calls.
        model: of `model_fn`.

    Returns:
        An answer for each request, in order.

    Raises:
        ArithmeticError: the network's outputs are no numbers, as after a training that diverged.
    """
    pixels = torch.stack([request.pixels for request in batch]).to(model.device)
    images = (pixels.float() / 255 - model.mean) / model.std
    with torch.inference_mode():
        outputs = model.network(images.contiguous(memory_format=torch.channels_last))
        probabilities = outputs.float().softmax(dim=1).cpu()
    if not probabilities.isfinite().all():
        raise ArithmeticError("the network's outputs are not finite; its training has diverged")
    return [
        _answer(row, model.classes, request.expected_quantity)
        for row, request in zip(probabilities.tolist(), batch, strict=True)
    ]


def output_fn(prediction: list[Answer], accept: str | None) -> tuple[str, str]:
    """Write the answer as JSON, whose content type is returned beside it.

    Raises:
        RequestError: 406, when JSON is not accepted.
    """
    kinds = [kind.split(";")[0].strip().lower() for kind in (accept or "*/*").split(",")]
    if not {"application/json", "application/*", "*/*", ""} & set(kinds):
        raise RequestError(
            HTTPStatus.NOT_ACCEPTABLE, f"'{accept}' is not written; accept application/json"
        )
    answer = prediction[0] if len(prediction) == 1 else prediction
    return json.dumps(answer), "application/json"


def _answer(probabilities: list[float], classes: tuple[int, ...], expected: int | None) -> Answer:
    """The answer for one image.

    `match_confidence` is the probability that the verdict is right: that of the expected quantity
    where it matches, and that of every other count where it does not.
    """
    best = max(range(len(classes)), key=probabilities.__getitem__)
    answer: Answer = {
        "count": classes[best],
        "confidence": round(probabilities[best], DIGITS),
        "probabilities": {
            str(count): round(value, DIGITS)
            for count, value in zip(classes, probabilities, strict=True)
        },
        "expected_count": round(
            sum(count * value for count, value in zip(classes, probabilities, strict=True)), DIGITS
        ),
    }
    if expected is None:
        return answer
    answer["expected_quantity"] = expected
    if expected not in classes:
        # No bin of that quantity was ever learnt: nothing is confirmed, and somebody has to look.
        return answer | {
            "match": False,
            "match_confidence": 0.0,
            "explanation": f"the model counts {', '.join(map(str, classes))} and cannot judge "
            f"whether a bin holds {expected}; have somebody look",
        }
    of_expected = probabilities[classes.index(expected)]
    match = classes[best] == expected
    confidence = round(of_expected if match else 1 - of_expected, DIGITS)
    return answer | {"match": match, "match_confidence": confidence}


def _decode(body: bytes, size: int) -> torch.Tensor:
    if not body:
        raise RequestError(HTTPStatus.BAD_REQUEST, "the body is empty; send the bytes of an image")
    if len(body) > MAX_BYTES:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body has {len(body):,} bytes; at most {MAX_BYTES:,} are served",
        )
    try:
        image: Image.Image = Image.open(io.BytesIO(body), formats=FORMATS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, Image.DecompressionBombError):
            raise _too_many_pixels("more megapixels than Pillow opens") from error
        raise RequestError(
            HTTPStatus.BAD_REQUEST, "the body is not a readable image; send a JPEG or a PNG"
        ) from error
    # The header tells the size, so that nothing large is ever decoded.
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(f"{width} x {height} = {width * height / 1e6:.1f} megapixels")
    try:
        image.draft("RGB", (size, size))  # JPEG: decode at a fraction of the size
        image.load()
        return network.to_tensor(ImageOps.exif_transpose(_eight_bits(image)), size)
    except Exception as error:  # Pillow's readers raise nearly anything over damaged bytes
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"the image is damaged or truncated ({error}); send it again"
        ) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """A 16-bit grey PNG keeps its high bytes; Pillow's conversion would clip it to white."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    return image


def _too_many_pixels(found: str) -> RequestError:
    return RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the image has {found}; at most {MAX_PIXELS / 1e6:.0f} megapixels are served: "
        "send a smaller picture",
    )


def _headers(context: Any) -> Mapping[str, str]:
    if context is None or not hasattr(context, "get_all_request_header"):
        return {}
    return {key.lower(): value for key, value in context.get_all_request_header(0).items()}


def _expected_quantity(headers: Mapping[str, str]) -> int | None:
    """Read `expected_quantity=N` among the custom attributes, which other keys may share."""
    for attribute in re.split("[,;&]", headers.get(ATTRIBUTES_HEADER, "")):
        key, separator, value = (part.strip() for part in attribute.partition("="))
        if key != "expected_quantity":
            continue
        if not separator or not re.fullmatch("[0-9]{1,9}", value):
            raise RequestError(
                HTTPStatus.BAD_REQUEST,
                f"expected_quantity is '{value}'; give a whole number from 0, "
                "as in CustomAttributes 'expected_quantity=3'",
            )
        return int(value)
    return None


@functools.cache
def _settings(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())
