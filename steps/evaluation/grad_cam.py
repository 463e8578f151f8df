"""Where the model looks: the parts of a picture that speak for the predicted count.

Grad-CAM, from Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization", ICCV 2017, equations 1 and 2: the maps of the last convolution,
weighted by their mean gradient of the answer; what is below zero is dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from evaluation import archive, mistakes
from evaluation.predictions import Predictions
from plotting import GREEN, INK, STYLE, WIDTH

EACH = 3  # correct predictions, and wrong ones
PIXELS = 320
WRONG = "#B3261E"


def heat(network: Any, pixels: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """How much each part of each image speaks for its answer.

    Args:
        network: pixels to probabilities; the model's own, in PyTorch.
        pixels: uint8 (n, size, size, 3), as the model's program decodes them.
        answers: int (n,), the index of each predicted count among the classes.

    Returns:
        float (n, height, width) of the last convolution's maps, from 0 to 1; all 0 for an image in
        which nothing speaks for the answer.

    Raises:
        LookupError: the network has no maps, as one without convolutions.
    """
    import torch

    maps: list[Any] = []

    def keep(module: Any, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            maps[:] = [output]  # the last one stays

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(keep) for module in leaves]
    try:
        with torch.enable_grad():
            probabilities = network(torch.from_numpy(pixels))[0]  # by the photo
    finally:
        for hook in hooks:
            hook.remove()
    if not maps or not maps[0].requires_grad:
        raise LookupError("the network has no layer whose maps could be shown")
    chosen = probabilities.log().gather(1, torch.from_numpy(answers)[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, maps[0])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    heats = (weights * maps[0]).sum(dim=1).relu().detach()
    if len(heats) == 2 * len(pixels):  # the mirror images came after the images
        heats = heats[: len(pixels)] + heats[len(pixels) :].flip(2)
    largest = heats.amax(dim=(1, 2), keepdim=True)
    return np.asarray((heats / largest.clamp(min=1e-12)).numpy())


def draw(file: Path, loaded: archive.LoadedModel, predictions: Predictions) -> str:
    """Write a sheet of the correct and wrong predictions with the highest confidence.

    Returns:
        Why there is none; "" if it was drawn.

    Raises:
        EvaluationError: the network does not load.
    """
    correct = np.flatnonzero(predictions.correct)
    correct = correct[np.argsort(-predictions.confidence[correct], kind="stable")]
    chosen = _each_count_first(predictions, [int(index) for index in correct])
    rows = [
        ("Correct, with the highest confidence", GREEN, chosen),
        ("Wrong, with the highest confidence", WRONG, mistakes.worst(predictions, EACH)),
    ]
    rows = [row for row in rows if row[2]]
    network = archive.network(loaded)
    if network is None:
        return "the model's program offers no network in PyTorch"
    every = [index for _, _, indices in rows for index in indices]
    requests = [
        loaded.program.input_fn(image.path.read_bytes(), image.content_type)
        for image in (predictions.images[index] for index in every)
    ]
    pixels = np.stack([request[0].pixels for request in requests])
    answers = np.array([predictions.classes.index(int(predictions.answer[i])) for i in every])
    try:
        maps = dict(zip(every, heat(network, pixels, answers), strict=True))
    except LookupError as error:
        return str(error)
    with matplotlib.rc_context(STYLE):
        _sheet(rows, maps, predictions).savefig(file)
    return ""


def _each_count_first(predictions: Predictions, order: list[int]) -> list[int]:
    """The first of each count, then the rest, EACH in all."""
    first = {int(predictions.truth[index]): index for index in reversed(order)}
    rest = [index for index in order if index not in first.values()]
    return (sorted(first.values(), key=order.index) + rest)[:EACH]


def _sheet(rows: Any, maps: dict[int, np.ndarray], predictions: Predictions) -> Figure:
    figure = Figure(figsize=(WIDTH * 1.3, 0.5 + 2.05 * len(rows)))
    figure.suptitle(
        "Where the model looks: bright parts speak for its answer",
        x=0.01, ha="left", fontweight="bold", fontsize=12,
    )  # fmt: skip
    parts: Any = figure.subfigures(len(rows), 1, squeeze=False)
    for part, (title, colour, indices) in zip(parts[:, 0], rows, strict=True):
        part.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=colour)
        axes = part.subplots(1, 2 * EACH, squeeze=False)[0]
        for one in axes:
            one.set_axis_off()
        for column, index in enumerate(indices):
            plain, hot = axes[2 * column], axes[2 * column + 1]
            picture = _picture(predictions.images[index].path)
            plain.imshow(picture)
            hot.imshow(_overlay(picture, maps[index]))
            plain.set_title(
                f"holds {predictions.words(int(predictions.truth[index]))}",
                fontsize=9,
                fontweight="normal",
                color=INK,
                pad=4,
            )
            hot.set_title(
                f"answered {predictions.words(int(predictions.answer[index]))} "
                f"({predictions.confidence[index]:.0%})",
                fontsize=9, fontweight="normal", color=INK, pad=4,
            )  # fmt: skip
    return figure


def _picture(path: Path) -> np.ndarray:
    """The picture as the network sees it: squeezed to a square."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB").resize((PIXELS, PIXELS)))


def _overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The picture darkened, with the heat on it, float (PIXELS, PIXELS, 3)."""
    smooth = Image.fromarray(heat.astype("float32")).resize(
        (PIXELS, PIXELS), Image.Resampling.BICUBIC
    )
    strength = np.clip(np.asarray(smooth), 0, 1)
    grey = picture.mean(axis=2, keepdims=True).repeat(3, axis=2) / 255
    colours = matplotlib.colormaps["inferno"](strength)[..., :3]
    share = (0.15 + 0.6 * strength)[..., None]
    return np.asarray(np.clip((1 - share) * grey + share * colours, 0, 1))
