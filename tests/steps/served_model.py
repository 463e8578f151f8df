"""The shipped serving program, its model, and pictures whose answers are known."""

import importlib.util
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.steps.tiny_model import CLASSES, draw_bin, save_model

WANTED = [(0.7, 0.2, 0.1), (0.1, 0.3, 0.6), (0.25, 0.5, 0.25)]
Served = tuple[Any, Any, list[Path]]  # program, model, pictures
HEADER = "X-Amzn-SageMaker-Custom-Attributes"


class Context:
    """The context that a model server passes, by the names of AWS's toolkit."""

    def __init__(self, attributes: str | None = None) -> None:
        self.headers = {} if attributes is None else {HEADER: attributes}

    def get_all_request_header(self, index: int) -> dict[str, str]:
        return self.headers


@contextmanager
def serve_in(folder: Path) -> Iterator[Served]:
    """The shipped program, its model, and the pictures whose answers are known."""
    pictures = []
    for number, count in enumerate(CLASSES):
        pictures.append(folder / f"{number}.jpg")
        draw_bin(count, number).save(pictures[-1])
    model = save_model(folder / "model", CLASSES, pictures, WANTED)
    spec = importlib.util.spec_from_file_location("served", model / "code" / "inference.py")
    assert spec and spec.loader
    program = importlib.util.module_from_spec(spec)
    sys.modules["served"] = program
    spec.loader.exec_module(program)
    yield program, program.model_fn(str(model)), pictures
    del sys.modules["served"]


def ask(
    served: Served, body: bytes, kind: str | None = "image/jpeg", attributes: str | None = None
) -> Any:
    program, model, _ = served
    batch = program.input_fn(body, kind, Context(attributes))
    written, content_type = program.output_fn(program.predict_fn(batch, model), None)
    assert content_type == "application/json"
    return json.loads(written)


def refused(
    served: Served, body: bytes, kind: str | None = "image/jpeg", attributes: str | None = None
) -> tuple[int, str]:
    program, _, _ = served
    with pytest.raises(program.RequestError) as caught:
        program.input_fn(body, kind, Context(attributes))
    assert caught.value.phrase
    return caught.value.status_code, str(caught.value)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def halves(
    size: tuple[int, int] = (80, 60), mode: str = "RGB", left: Any = "red", right: Any = "blue"
) -> Image.Image:
    """Left half and right half differ, so that a turned or mirrored picture is noticed."""
    image = Image.new("RGB", size, right)
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2 - 1, size[1]), fill=left)
    return image.convert(mode)


def decoded(served: Served, body: bytes, kind: str | None = "image/jpeg") -> np.ndarray:
    decoded_pixels: np.ndarray = served[0].input_fn(body, kind)[0].pixels
    return decoded_pixels
