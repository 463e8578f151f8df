"""What the endpoint does with a request: the four functions of SageMaker's serving contract."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

import network

CONTENT_TYPES = ("image/jpeg", "image/png", "application/octet-stream")


def model_fn(model_dir: str) -> network.Classifier:
    """Load the model."""
    return network.Classifier(Path(model_dir))


def input_fn(body: bytes, content_type: str) -> Image.Image:
    """Decode a request.

    Raises:
        ValueError: It is no picture; the server answers 400.
    """
    if content_type not in CONTENT_TYPES:
        raise ValueError(f"the content type is {content_type}; send {', '.join(CONTENT_TYPES)}")
    return network.read(body)


def predict_fn(picture: Image.Image, model: network.Classifier) -> dict[str, Any]:
    """Classify the picture."""
    return model.predict(picture)


def output_fn(prediction: dict[str, Any], accept: str) -> str:
    """Encode the answer as JSON."""
    return json.dumps(prediction)
