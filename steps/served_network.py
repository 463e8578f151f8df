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


class Fusion(nn.Module):
    """What photo and items say together: a multinomial logistic regression on both.

    Its inputs are the log probabilities of the counts by the photo and by the items. Training fits
    it on validation (docs/decisions/photo-and-record.md compares it with other ways).

    Args:
        classes: the number of counts.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(2 * classes, classes)

    def forward(self, photo: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Log probabilities (n, classes) from those of the photo and the items (n, classes)."""
        inputs = torch.cat([photo, items], dim=1).clamp(min=NEVER)
        return self.weigh(inputs).log_softmax(1)


class Familiar(nn.Module):
    """How unlike the training images a photo is, by the features of the network.

    The mean squared distance from the training images along their main directions, each in units of
    its spread there, plus what lies outside of these directions, in units of its mean. Ordinary
    images have about 2.

    Args:
        features: of the network.
        directions: how many main directions.
    """

    def __init__(self, features: int, directions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("axes", torch.zeros(features, directions))
        self.register_buffer("spread", torch.ones(directions))
        self.register_buffer("outside", torch.ones(()))

    mean: torch.Tensor
    axes: torch.Tensor
    spread: torch.Tensor
    outside: torch.Tensor

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Strangeness (n) of features (n, f)."""
        away = features - self.mean
        along = away @ self.axes
        rest = (away**2).sum(1) - (along**2).sum(1)
        return ((along / self.spread) ** 2).mean(1) + rest.clamp(min=0) / self.outside


class Serving(nn.Module):
    """From pixels and items to distributions: the module that is exported, and PyTorch's form.

    Args:
        counting: from `network.counting`.
        settings: from model.json, for the normalisation.
        record: what the items say; None for a model that was trained without records.
        fusion: of the two; None without `record`.
        familiar: how strange a photo is; None for a model that does not say.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        counting: network.Counting,
        settings: Mapping[str, Any],
        record: RecordPart | None = None,
        fusion: Fusion | None = None,
        familiar: Familiar | None = None,
    ) -> None:
        super().__init__()
        self.counting, self.record, self.fusion = counting, record, fusion
        self.familiar = familiar
        for name in ("mean", "std"):
            values = torch.tensor(settings[name], dtype=torch.float32).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    @property
    def outputs(self) -> Sequence[str]:
        """The names of the outputs of `forward`."""
        return ("photo", "strangeness", "items", "both")[: 2 if self.record is None else 4]

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
        photo, features = self.counting.look(self._normalised(pixels))
        strangeness = torch.zeros_like(photo[:, 0])
        if self.familiar is not None:
            strangeness = self.familiar(features)
        if self.record is None or self.fusion is None or items is None or listed is None:
            return photo.exp(), strangeness
        by_items = self.by_items(items, listed)
        both = torch.where(listed[:, None] < 0, photo, self.fusion(photo, by_items))
        return photo.exp(), strangeness, by_items.exp(), both.exp()

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features (n, f) of uint8 pixels (n, size, size, 3)."""
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
        state: of model.pt: the network's weights under their own names, the others under `record.`,
            `fusion.` and `familiar.`.
        settings: from model.json.
        built: from `network.build`.
    """

    def part(name: str) -> dict[str, torch.Tensor]:
        prefix = f"{name}."
        return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}

    others = tuple(f"{name}." for name in OWN)
    built.load_state_dict({k: v for k, v in state.items() if not k.startswith(others)})
    counting = network.counting(built, settings)
    record = fusion = familiar = None
    if weights := part("record"):
        record = RecordPart(len(settings["levels"]))
        record.load_state_dict(weights)
        fusion = Fusion(len(settings["classes"]))
        fusion.load_state_dict(part("fusion"))
    if weights := part("familiar"):
        familiar = Familiar(*weights["axes"].shape)
        familiar.load_state_dict(weights)
    return Serving(counting, settings, record, fusion, familiar).eval()


OWN = ("record", "fusion", "familiar")
