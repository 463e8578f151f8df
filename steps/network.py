"""The counting network: a backbone by name, and how its outputs become probabilities of counts.

Copied into the model as `code/network.py`, so that serving builds the network that was trained.
It imports nothing from this project.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Waiting threads sleep instead of spinning. On cores shared with another process, spinning made
# training up to 25 times slower. torch reads this when it is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from torch import nn
from torch.nn import functional

RESNETS = ("resnet18", "resnet34", "resnet50")
SHIPPED = "efficientnet_lite0"  # the training image contains its ImageNet weights

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class UnknownBackbone(ValueError):
    """The name is neither a torchvision ResNet in RESNETS nor a usable timm model."""


def _guard_torchvision_operators() -> None:
    """Let `import torchvision` work with a torch build that its compiled operators do not fit.

    PyPI's Linux wheel of torchvision is built for CUDA. With a CPU-only torch its operators do not
    load, and importing it fails where it describes two of them. A schema for those two is enough;
    nothing here calls them.
    """
    package = importlib.util.find_spec("torchvision")
    if package is None or not package.submodule_search_locations:
        return
    for library in Path(package.submodule_search_locations[0]).glob("_C*.so"):
        try:
            torch.ops.load_library(str(library))  # as torchvision does when imported
        except OSError:
            continue
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(
                f"torchvision::{name}",
                "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            )


_guard_torchvision_operators()


def normalisation(backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation by channel that the backbone expects, for pixels in 0 … 1."""
    if backbone in RESNETS:
        return IMAGENET_MEAN, IMAGENET_STD
    import timm

    settings = timm.models.get_pretrained_cfg(backbone, allow_unregistered=True)
    if settings is None:
        return IMAGENET_MEAN, IMAGENET_STD
    return tuple(settings.mean), tuple(settings.std)


def require_backbone(backbone: str) -> None:
    """Check that `build` knows a backbone.

    Raises:
        UnknownBackbone: it does not; the message lists similar names.
    """
    if backbone in RESNETS:
        return
    import timm

    if not timm.is_model(backbone):
        similar = difflib.get_close_matches(backbone, [*RESNETS, *timm.list_models()])
        raise UnknownBackbone(
            f"backbone '{backbone}' is unknown; allowed: {', '.join(RESNETS)}, or the name of a "
            f"timm model. Similar: {', '.join(similar) or SHIPPED}"
        )


def build(backbone: str, outputs: int) -> nn.Module:
    """Build the network with random weights.

    Args:
        backbone: resnet18, resnet34, resnet50 (torchvision) or the name of a timm model.
        outputs: number of outputs: one for each count, or one for each threshold between two.

    Raises:
        UnknownBackbone: there is no such model.
    """
    require_backbone(backbone)
    model: nn.Module
    if backbone in RESNETS:
        import torchvision

        model = torchvision.models.get_model(backbone, weights=None, num_classes=outputs)
    else:
        import timm

        model = timm.create_model(backbone, pretrained=False, num_classes=outputs)
    return model


def head_of(model: nn.Module) -> nn.Linear:
    """The last linear layer: the only part without pretrained weights."""
    head = model.get_submodule(head_name(model))
    assert isinstance(head, nn.Linear)
    return head


def head_name(model: nn.Module) -> str:
    """The name of the last linear layer."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise UnknownBackbone(f"{type(model).__name__} has no linear layer to train as its head")
    return str(linear[-1])


def counting(built: nn.Module, settings: Mapping[str, Any]) -> Counting:
    """The network followed by the layers that turn its outputs into probabilities.

    Args:
        built: from `build`, with as many outputs as the settings name. Its head is taken out.
        settings: from model.json. Without `loss`, `levels`, `temperature` and `mirrored` they
            belong to an older model: cross-entropy over its classes.

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
        bool(settings.get("or_more", False)),
    )


class Counting(nn.Module):
    """From images to the probabilities of the counts that can be answered; they add up to 1."""

    chosen: torch.Tensor

    def __init__(
        self,
        built: nn.Module,
        classes: Sequence[int],
        levels: Sequence[int],
        loss: str,
        temperature: float,
        mirrored: bool,
        or_more: bool = False,
    ) -> None:
        super().__init__()
        self.backbone, self.head = _divided(built)
        self.loss, self.temperature = loss, temperature
        self.mirrored, self.or_more = mirrored, or_more
        chosen = torch.tensor([list(levels).index(count) for count in classes])
        self.register_buffer("chosen", chosen, persistent=False)
        self.last = int(chosen[-1])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Probabilities (n, classes) of normalised images (n, 3, size, size)."""
        return self.look(images)[0].exp()

    def look(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log probabilities (n, classes) of normalised images, and the impression (n, f) of each.

        The impression is the mean and the deviation of every channel in the first half of the
        stages. These tell other scenes from bins; the last features tell counts apart.
        """
        views = torch.cat([images, images.flip(3)]) if self.mirrored else images
        maps: list[torch.Tensor] = []
        every = stages(self.backbone)
        hooks = [
            stage.register_forward_hook(lambda _, __, output: maps.append(output))
            for stage in every[: -(-len(every) // 2)]
        ]
        try:
            features = self.backbone(views)
        finally:
            for hook in hooks:
                hook.remove()
        outputs = self.head(features)
        impression = torch.cat([_impression(one) for one in maps or [features]], dim=1)
        if not self.mirrored:
            return self.decide([outputs]), impression
        both_views = outputs.unflatten(0, (2, -1)).unbind()
        return self.decide(both_views), impression.unflatten(0, (2, -1))[0]

    def decide(self, views: Sequence[torch.Tensor]) -> torch.Tensor:
        """Log probabilities (n, classes) from the network's outputs for views of the same images.

        The mean over the views, conditional on one of the classes, divided by the temperature (Guo
        et al. 2017, "On Calibration of Modern Neural Networks").
        """
        levels = torch.stack([log_probabilities(view.float(), self.loss) for view in views])
        classes = self.of_classes(levels).logsumexp(0)
        return (classes / self.temperature).log_softmax(1)

    def of_classes(self, levels: torch.Tensor) -> torch.Tensor:
        """Log probabilities (..., classes) from those of the levels (..., levels)."""
        classes = levels.index_select(-1, self.chosen)
        if not self.or_more:
            return classes
        more = levels[..., self.last :].logsumexp(-1, keepdim=True)
        return torch.cat([classes[..., :-1], more], dim=-1)


def stages(model: nn.Module) -> list[nn.Module]:
    """A backbone's stages in order; empty if it has none."""
    if hasattr(model, "layer4"):
        return [getattr(model, f"layer{number}") for number in range(1, 5)]
    for name in ("blocks", "stages"):
        if hasattr(model, name):
            return list(getattr(model, name))
    return []


def _impression(output: torch.Tensor) -> torch.Tensor:
    """Mean and deviation of each channel (n, 2 c); features (n, f) as they are."""
    if output.ndim == 2:
        return output
    places = output.flatten(2) if output.ndim == 4 else output.transpose(1, 2)
    mean = places.mean(2)
    return torch.cat([mean, (places - mean[:, :, None]).square().mean(2).sqrt()], dim=1)


def _divided(built: nn.Module) -> tuple[nn.Module, nn.Module]:
    """A network without its head, and the head; all of it and nothing where there is no head."""
    try:
        name = head_name(built)
    except UnknownBackbone:
        return built, nn.Identity()
    if not name:
        return nn.Identity(), built
    head = built.get_submodule(name)
    built.set_submodule(name, nn.Identity())
    return built, head


def log_probabilities(outputs: torch.Tensor, loss: str) -> torch.Tensor:
    """Log probabilities (n, levels) from the outputs of a network trained with this loss.

    coral: outputs k are logits of P(y > level k), so P(level k) is a difference of two of them
    (Cao, Mirjalili, Raschka 2020, "Rank consistent ordinal regression"). corn: they are logits of
    P(y > level k | y > level k-1), so P(y > level k) is a product (Shi, Cao, Raschka 2021, "Deep
    neural networks for rank-consistent ordinal regression based on conditional probabilities").
    All others: logits of the levels. Computed in logarithms, so that no probability becomes 0.
    """
    if loss == "corn":
        above = functional.pad(functional.logsigmoid(outputs).cumsum(1), (1, 0))
        return above + functional.pad(functional.logsigmoid(-outputs), (0, 1))
    if loss == "coral":
        # With S the sigmoid: S(a) - S(b) = S(a) S(-b) (1 - exp(b - a)); a > b once trained
        gaps = (outputs[:, :-1] - outputs[:, 1:]).clamp_min(1e-6)
        half = torch.tanh(gaps / 2)  # 1 - exp(-g) = 2t / (1 + t); ONNX has tanh and no expm1
        inner = torch.log(2 * half / (1 + half))
        inner = (
            functional.logsigmoid(outputs[:, :-1]) + functional.logsigmoid(-outputs[:, 1:]) + inner
        )
        first, last = functional.logsigmoid(-outputs[:, :1]), functional.logsigmoid(outputs[:, -1:])
        return torch.cat([first, inner, last], dim=1).log_softmax(1)
    return outputs.log_softmax(1)
