"""A model whose answers are known beforehand, saved as training saves one."""

import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn

import model_code
import network
import pixels
import served_network
from training.data.images import Images
from training.result import artifact

STEPS = Path(__file__).parents[2] / "steps"
TINY = "test_efficientnet"  # timm's smallest
SIZE = 32
CLASSES = (1, 3, 5)
# So the match probability of a record is 0.78 where the photo gives it 0.7, and 0.23 for 0.2.
RULE: dict[str, Any] = {
    "match_precision": 0.95,
    "record_error_rate": 0.1,
    "record_error_kinds": {"miscounted": 1.0},
    "strangest": 1.0,
    "by_quantity": {
        "weights": {"miscounted": {"photo_claimed": -2.0, "constant": -2.0}},
        "threshold": 0.5,
    },
    "by_items": None,
}


def draw_bin(count: int, number: int) -> Image.Image:
    """A small picture of `count` things, a little different for each number."""
    image = Image.new("RGB", (64, 48), (90 + 7 * (number % 9), 110, 100))
    drawing = ImageDraw.Draw(image)
    for item in range(count):
        left = 4 + 11 * item + number % 3
        drawing.rectangle((left, 8 + number % 5, left + 8, 40), fill=(230, 220 - 9 * item, 60))
    return image


def save_model(
    folder: Path,
    classes: Sequence[int] = CLASSES,
    images: Sequence[Path] = (),
    answers: Sequence[Sequence[float]] = (),
) -> Path:
    """Write a model folder; `answers` are the probabilities wanted for each of `images`."""
    torch.manual_seed(0)
    mean, std = network.normalisation(TINY)
    built = network.build(TINY, len(classes)).eval()
    if images:
        _teach(built, images, answers, mean, std)
    (folder / "code").mkdir(parents=True)
    torch.save(built.state_dict(), folder / "model.pt")
    rule = RULE | {"prior": [1 / len(classes)] * len(classes)}
    settings = {
        "backbone": TINY, "image_size": SIZE, "classes": list(classes), "decision": rule,
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(settings | {"mean": mean, "std": std}))
    for name in model_code.FILES:
        shutil.copyfile(STEPS / name, folder / "code" / name)
    artifact.seal(folder)
    return folder


def unsealed_model(folder: Path, **changes: object) -> Path:
    """Write a model folder as `artifact.write` leaves it; `changes` go into model.json."""
    folder = save_model(folder)
    settings = read_settings(folder) | changes
    del settings["files"]
    (folder / "model.json").write_text(json.dumps(settings))
    if changes:
        torch.manual_seed(1)
        built = network.build(settings["backbone"], settings["outputs"])
        torch.save(built.state_dict(), folder / "model.pt")
    (folder / "training.json").write_text('{"best_epoch": 2}')
    return folder


def read_settings(folder: Path) -> dict[str, Any]:
    """The content of a model's model.json."""
    settings: dict[str, Any] = json.loads((folder / "model.json").read_text())
    return settings


def drawn_channel(*counts: int, each: int = 4) -> Images:
    """A channel of drawn bins, in memory."""
    pictures = [
        np.asarray(draw_bin(count, number).resize((SIZE, SIZE)))
        for count in counts
        for number in range(each)
    ]
    labels = [index for index in range(len(counts)) for _ in range(each)]
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    return Images(pixels, torch.tensor(labels), counts)


def pixels_of(images: Images) -> np.ndarray:
    """Pixels (n, SIZE, SIZE, 3) of a channel in memory, as an engine takes them."""
    assert isinstance(images.pixels, torch.Tensor)
    return np.ascontiguousarray(images.pixels.permute(0, 2, 3, 1).numpy())


def pack(folder: Path, file: Path) -> Path:
    """Pack a model folder into model.tar.gz, as SageMaker does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as tar:
        for entry in sorted(folder.iterdir()):
            tar.add(entry, entry.name)
    return file


def _teach(
    built: nn.Module,
    images: Sequence[Path],
    answers: Sequence[Sequence[float]],
    mean: Sequence[float],
    std: Sequence[float],
) -> None:
    """Solve the head so that each image gets its probabilities: fewer images than features."""
    name, head = network.head_name(built), network.head_of(built)
    seen: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        batch = np.stack([pixels.decode(file.read_bytes(), SIZE) for file in images])
        settings = {"classes": range(head.out_features), "mean": mean, "std": std}
        served_network.Serving(network.counting(built, settings), settings)(torch.from_numpy(batch))
    hook.remove()
    built.set_submodule(name, head)  # `counting` takes it out
    features = torch.cat([seen[0].clone(), torch.ones(len(images), 1)], dim=1).double()
    logits = torch.tensor(answers, dtype=torch.float64).log()
    solved = torch.linalg.lstsq(features, logits, driver="gelsd").solution.float()
    assert torch.allclose(features.float() @ solved, logits.float(), atol=1e-3)
    with torch.no_grad():
        head.weight.copy_(solved[:-1].T)
        head.bias.copy_(solved[-1])
