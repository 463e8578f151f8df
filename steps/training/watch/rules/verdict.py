"""The verdict of a debug rule."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["NoIssuesFound", "IssuesFound", "NotApplicable"]


@dataclass(frozen=True)
class Verdict:
    """The verdict of one rule on one training, with SageMaker Debugger's statuses."""

    rule: str
    status: Status
    reason: str
    parameters: dict[str, Any]
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The entry of `debug_rules.json`, with details only if there are any."""
        document = asdict(self)
        if not self.details:
            del document["details"]
        return document
