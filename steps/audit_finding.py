"""What an audit found about a bin, as Prepare writes it for training and evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """What an audit found, as a line of bins.jsonl has it.

    Attributes:
        recorded_count: The quantity in the source's stock record, which the audited count replaced.
        model_count: The count that the model answered; None if it is not known.
        contradicts_both: Whether the audited count is neither of them.
    """

    recorded_count: int
    model_count: int | None
    contradicts_both: bool

    @staticmethod
    def stored(entry: Mapping[str, Any] | None) -> Finding | None:
        """The finding of a line of bins.jsonl; None where there was no audit."""
        return None if entry is None else Finding(**entry)

    @property
    def words(self) -> str:
        """The finding in words, for a caption."""
        model = "" if self.model_count is None else f", model {self.model_count}"
        return f"audited; record {self.recorded_count}{model}"
