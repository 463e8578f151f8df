"""Ask the endpoint about images, after checking here what would only fail there."""

import json
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry.errors import RegistryError

# InvokeEndpoint's limit for the body of a request, as steps/inference.py says.
MAX_BYTES = 25 * 1024 * 1024
# Bin images have 0.3 megapixels; decoding forty of them is a way to exhaust a small instance.
MAX_PIXELS = 25_000_000
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
# JPEG's start-of-frame markers, which hold the size; C4, C8 and CC are other things.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class ImageError(RegistryError):
    """A file that the endpoint could not answer about."""


class RefusedError(RegistryError):
    """The model refused one image (4xx); it may still answer about others."""


@dataclass(frozen=True)
class Image:
    """A checked image file."""

    path: Path
    body: bytes
    content_type: str
    width: int
    height: int


@dataclass(frozen=True)
class Prediction:
    """What the endpoint answered about one image, or why it refused it."""

    path: str
    answer: dict[str, Any]
    refusal: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"image": self.path, **({"error": self.refusal} if self.refusal else self.answer)}


def load(path: Path) -> Image:
    """Read an image file and check it by its bytes, whatever it is called.

    Raises:
        ImageError: There is no such file, it is empty, too large, or neither a JPEG nor a PNG.
    """
    if not path.is_file():
        if path.is_dir():
            raise ImageError(f"{path}: is a folder; `python pipeline.py score {path}` counts one.")
        if re.match("[a-z][a-z0-9]+:/", str(path)):  # of the // of an address a Path keeps one
            address = str(path).replace(":/", "://", 1)
            raise ImageError(f"{address}: is no file of this machine; download it first.")
        raise ImageError(f"{path}: there is no such file.")
    size = path.stat().st_size
    if size == 0:
        raise ImageError(f"{path}: the file is empty (0 bytes).")
    if size > MAX_BYTES:
        raise ImageError(
            f"{path}: {size / 2**20:.1f} MiB is above the endpoint's {MAX_BYTES >> 20} MiB. "
            "Save it smaller; the model looks at a few hundred pixels."
        )
    body = path.read_bytes()
    if body.startswith(PNG):
        kind, dimensions = "image/png", _png_size(body)
    elif body.startswith(JPEG):
        kind, dimensions = "image/jpeg", _jpeg_size(body)
    else:
        raise ImageError(
            f"{path}: is neither a JPEG nor a PNG image; it begins with {body[:12]!r}."
        )
    if dimensions is None:
        raise ImageError(f"{path}: is cut off; the image's size cannot be read from it.")
    width, height = dimensions
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{path}: {width} x {height} is {width * height / 1e6:.0f} megapixels, and at most "
            f"{MAX_PIXELS // 1_000_000} are taken. Save it smaller."
        )
    return Image(path, body, kind, width, height)


def load_all(paths: Iterable[Path]) -> list[Image]:
    """The same for several files.

    Raises:
        ImageError: What is wrong, for each file that the endpoint could not answer about.
    """
    images, wrong = [], []
    for path in paths:
        try:
            images.append(load(path))
        except ImageError as error:
            wrong.append(str(error))
    if wrong:
        raise ImageError("\n".join(wrong))
    return images


def predict(session: Any, endpoint: str, image: Image, expected: int | None = None) -> Prediction:
    """Ask the endpoint how many items an image shows.

    Args:
        session: A boto3 session.
        endpoint: The endpoint's name.
        image: What `load` answered.
        expected: How many items there should be; the answer then says whether that matches.

    Raises:
        RefusedError: The model refused the image.
        RegistryError: There is no endpoint, it is not in service, or the model failed.
    """
    runtime = session.client("sagemaker-runtime")
    attributes = {} if expected is None else {"CustomAttributes": f"expected_quantity={expected}"}
    try:
        response = runtime.invoke_endpoint(
            EndpointName=endpoint,
            Body=image.body,
            ContentType=image.content_type,
            Accept="application/json",
            **attributes,
        )
    except ClientError as error:
        raise _explained(session, endpoint, image, error) from error
    return Prediction(str(image.path), json.loads(response["Body"].read()))


def predict_all(
    session: Any, endpoint: str, images: list[Image], expected: int | None = None
) -> list[Prediction]:
    """The same for several images, one after the other; one that is refused costs no other answer.

    Raises:
        RegistryError: There is no endpoint, it is not in service, or the model failed.
    """
    predictions = []
    for image in images:
        try:
            predictions.append(predict(session, endpoint, image, expected))
        except RefusedError as error:
            predictions.append(Prediction(str(image.path), {}, str(error)))
    return predictions


def _explained(session: Any, endpoint: str, image: Image, error: ClientError) -> Exception:
    """The error said for a person; as it is when there is nothing to add."""
    code = error.response["Error"]["Code"]
    if code == "ModelError":
        said = _reason(error.response.get("OriginalMessage") or error.response["Error"]["Message"])
        status = error.response.get("OriginalStatusCode", "an error")
        log = error.response.get("LogStreamArn") or f"/aws/sagemaker/Endpoints/{endpoint}"
        kind = RefusedError if str(status).startswith("4") else RegistryError
        return kind(f"{image.path}: the model answered {status}: {said} (Log: {log})")
    if code.startswith("Validation"):
        found = endpoints.require(session.client("sagemaker"), endpoint)
        if found.status != "InService":
            reason = f": {found.failure.rstrip('.')}" if found.failure else ""
            go_on = (
                "`python pipeline.py endpoint --wait` waits for it."
                if found.busy
                else "`python pipeline.py promote VERSION` has it serve again."
            )
            return RegistryError(f"Endpoint {endpoint} is {found.status}{reason}. {go_on}")
    return error


def _reason(said: str) -> str:
    """Why, where the server says it in JSON as {"error": why}, as ours does; else all it said."""
    try:
        found = json.loads(said)
    except ValueError:
        return said
    return str(found["error"]) if isinstance(found, dict) and "error" in found else said


def _png_size(body: bytes) -> tuple[int, int] | None:
    if len(body) < 24 or body[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", body[16:24])
    return width, height


def _jpeg_size(body: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(body) and body[at] == 0xFF:
        marker = body[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in FRAMES:
            height, width = struct.unpack(">HH", body[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + int.from_bytes(body[at + 2 : at + 4], "big")
    return None
