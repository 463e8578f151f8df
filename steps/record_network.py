"""What the stock record's items say about the count, and how that joins what the photo shows.

Copied into the model as `code/record_network.py`. The items are a set: their order does not matter,
and how many of each the record lists is never an input (docs/decision.md).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

import item_features

HIDDEN = 64
LENGTHS = 8  # of a record's list that are told apart; the last means "and more"


class RecordPart(nn.Module):
    """From the items on record to the log odds of the counts (Zaheer et al. 2017, "Deep Sets").

    Args:
        outputs: the number of counts.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.item = nn.Sequential(
            nn.Linear(item_features.FEATURES, HIDDEN), nn.GELU(),
            nn.Linear(HIDDEN, HIDDEN), nn.GELU(),
        )  # fmt: skip
        self.all_items = nn.Sequential(
            nn.Linear(3 * HIDDEN + LENGTHS + 1, HIDDEN), nn.GELU(), nn.Dropout(0.1),
            nn.Linear(HIDDEN, outputs),
        )  # fmt: skip

    def forward(self, items: torch.Tensor, listed: torch.Tensor) -> torch.Tensor:
        """Log odds (n, outputs) of encoded items (n, k, FEATURES) and their numbers (n)."""
        present = items[:, :, :1]
        each = self.item(items)
        largest = (each - 1e4 * (1 - present)).amax(1) * present.amax(1)
        each = each * present
        number = present.sum(1).clamp(min=1)
        known = listed.clamp(min=0)
        lengths = functional.one_hot(known.clamp(max=LENGTHS - 1).long(), LENGTHS).float()
        return self.all_items(
            torch.cat(
                [each.sum(1) / 3, each.sum(1) / number, largest, lengths,
                 torch.log1p(known)[:, None]],
                dim=1,
            )
        )  # fmt: skip
