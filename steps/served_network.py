"""The module that is exported and served: photo and stock record in, distributions out.

Copied into the model as `code/served_network.py`. Without a record the photo alone is answered;
the answer by both is then the photo's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

import item_features
import network
from record import Record
from record_network import RecordPart

NEVER = -30.0  # log of a probability that is as good as none
OWN = ("calibration", "record", "fusion", "familiar")  # the parts beside the network


class Joining(nn.Module):
    """What several distributions over the counts say together: a multinomial logistic regression.

    Its inputs are their log probabilities. Training fits it on validation: for the photo alone it
    corrects which counts are mistaken for which (Guo et al. 2017, "matrix scaling"), and for photo
    and items it says how much each is worth (docs/decisions/photo-and-record.md compares it with
    other ways).

    Args:
        distributions: how many.
        classes: the number of counts.
    """

    def __init__(self, distributions: int, classes: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(distributions * classes, classes)

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        """Log probabilities (n, classes) from those of each distribution (n, classes)."""
        return self.weigh(torch.cat(given, dim=1).clamp(min=NEVER)).log_softmax(1)


class Familiar(nn.Module):
    """How unlike the training images a photo is, by the network's impression of it.

    The mean squared distance from the training images along their main directions, each in units of
    its spread there, plus what lies outside of these directions, in units of its mean. Ordinary
    images have about 2.

    Args:
        width: of an impression.
        directions: how many main directions.
    """

    def __init__(self, width: int, directions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.register_buffer("axes", torch.zeros(width, directions))
        self.register_buffer("spread", torch.ones(directions))
        self.register_buffer("outside", torch.ones(()))

    mean: torch.Tensor
    scale: torch.Tensor
    axes: torch.Tensor
    spread: torch.Tensor
    outside: torch.Tensor

    def forward(self, impression: torch.Tensor) -> torch.Tensor:
        """Strangeness (n) of impressions (n, width)."""
        away = (impression - self.mean) / self.scale
        along = away @ self.axes
        rest = (away**2).sum(1) - (along**2).sum(1)
        return ((along / self.spread) ** 2).mean(1) + rest.clamp(min=0) / self.outside


class Serving(nn.Module):
    """From pixels and items to distributions: the module that is exported, and PyTorch's form.

    Args:
        counting: from `network.counting`.
        settings: from model.json, for the normalisation.
        parts: `calibration` of the photo's distribution, `record` (what the items say), `fusion` of
            the two, and `familiar` (how strange a photo is). A model answers without those that it
            was trained without.
    """

    calibration: Joining | None
    record: RecordPart | None
    fusion: Joining | None
    familiar: Familiar | None
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        counting: network.Counting,
        settings: Mapping[str, Any],
        parts: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.counting = counting
        for name in OWN:
            setattr(self, name, (parts or {}).get(name))
        for name in ("mean", "std"):
            values = torch.tensor(settings[name], dtype=torch.float32).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    @property
    def outputs(self) -> Sequence[str]:
        """The names of the outputs of `forward`."""
        return ("photo", "strangeness", "items_alone", "both")[: 2 if self.record is None else 4]

    def forward(
        self,
        pixels: torch.Tensor,
        items: torch.Tensor | None = None,
        listed: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """Probabilities (n, classes) and strangeness (n) of each image, as `outputs` names them.

        Args:
            pixels: uint8 (n, size, size, 3), RGB.
            items: float (n, k, features) from `item_features.encode`, for a model with a record.
            listed: float (n), from the same.
        """
        photo, impression = self.counting.look(self._normalised(pixels))
        if self.calibration is not None:
            photo = self.calibration(photo)
        strangeness = torch.zeros_like(photo[:, 0])
        if self.familiar is not None:
            strangeness = self.familiar(impression)
        if self.record is None or self.fusion is None or items is None or listed is None:
            return photo.exp(), strangeness
        by_items = self.by_items(items, listed)
        both = torch.where(listed[:, None] < 0, photo, self.fusion(photo, by_items))
        return photo.exp(), strangeness, by_items.exp(), both.exp()

    def impression(self, pixels: torch.Tensor) -> torch.Tensor:
        """Impression (n, f) of uint8 pixels (n, size, size, 3); see `Counting.look`."""
        return self.counting.look(self._normalised(pixels))[1]

    def join(
        self, photo: np.ndarray, records: Sequence[Record]
    ) -> list[tuple[np.ndarray | None, np.ndarray | None]]:
        """What the items on record say, alone and with the photo, without looking at it again.

        Args:
            photo: probabilities float (n, classes) by the photo.
            records: one for each of them.

        Returns:
            For each, two distributions float (classes,); None where no items are known.
        """
        if self.record is None or self.fusion is None or not records:
            return [(None, None) for _ in records]
        with torch.inference_mode():
            by_items = self.by_items(*map(torch.from_numpy, item_features.encode(records)))
            seen = torch.from_numpy(photo.astype(np.float32)).log()
            both = self.fusion(seen, by_items).exp().double().numpy()
        alone = by_items.exp().double().numpy()
        return [
            (alone[index], both[index]) if record.items is not None else (None, None)
            for index, record in enumerate(records)
        ]

    def _normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        return (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std

    def by_items(self, items: torch.Tensor, listed: torch.Tensor) -> torch.Tensor:
        """Log probabilities (n, classes) by the items alone."""
        assert self.record is not None
        levels = self.record(items, listed).log_softmax(1)
        return self.counting.of_classes(levels).log_softmax(1)


def build(
    state: Mapping[str, torch.Tensor], settings: Mapping[str, Any], built: nn.Module
) -> Serving:
    """The module with its weights.

    Args:
        state: of model.pt: the network's weights under their own names, the others under the
            name of their part.
        settings: from model.json.
        built: from `network.build`.
    """

    def part(name: str) -> dict[str, torch.Tensor]:
        prefix = f"{name}."
        return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}

    others = tuple(f"{name}." for name in OWN)
    built.load_state_dict({k: v for k, v in state.items() if not k.startswith(others)})
    classes = len(settings["classes"])
    parts: dict[str, nn.Module] = {}
    if own := part("calibration"):
        parts["calibration"] = Joining(1, classes)
    if own := part("record"):
        parts |= {"record": RecordPart(len(settings["levels"])), "fusion": Joining(2, classes)}
    if own := part("familiar"):
        parts["familiar"] = Familiar(*own["axes"].shape)
    for name, module in parts.items():
        module.load_state_dict(part(name))
    return Serving(network.counting(built, settings), settings, parts).eval()
