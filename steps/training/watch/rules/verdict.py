"""What a rule says in the end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["NoIssuesFound", "IssuesFound", "NotApplicable"]


@dataclass(frozen=True)
class Verdict:
    """A rule's judgement of one training; the statuses are those of the service."""

    rule: str
    status: Status
    reason: str
    parameters: dict[str, Any]
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As `debug_rules.json` keeps it; details only where there are any."""
        document = asdict(self)
        if not self.details:
            del document["details"]
        return document
