"""The statements of a resource's own policy that are ours, among those of other people."""

from collections.abc import Mapping
from typing import Any

from pipelines.provisioning.kinds.kind import Document
from pipelines.settings.model import Settings

VERSION = "2012-10-17"


def merged(
    current: Mapping[str, Any] | None, wanted: Document | None, settings: Settings
) -> Document | None:
    """A policy in which our statements are as the template has them, and all others as they were.

    Ours are those of the template, by their Sid, and what the stage shared before (`SharedBy...`),
    so that an account that is no longer named loses its access. Another stage's stay.

    Args:
        current: The policy now; None: there is none.
        wanted: The template's; None: it has none.
        settings: Resolved settings.

    Returns:
        The policy to put; None: nothing is left to say, so that there should be none.
    """
    new = wanted["Statement"] if wanted else []
    ours = {f"SharedBy{settings.stage}", *(one["Sid"] for one in new)}
    kept = [one for one in (current or {}).get("Statement", []) if one.get("Sid") not in ours]
    statements = [*kept, *new]
    return {**(current or {"Version": VERSION}), "Statement": statements} if statements else None


def same(current: Mapping[str, Any] | None, wanted: Document | None) -> bool:
    """Whether two policies say the same; a service may write an account as its root's ARN."""
    return _plain(current) == _plain(wanted)


def _plain(policy: Mapping[str, Any] | None) -> list[Document]:
    statements = [dict(one) for one in (policy or {}).get("Statement", [])]
    for one in statements:
        principal = one.get("Principal")
        if isinstance(principal, dict) and "AWS" in principal:
            named = principal["AWS"]
            names = [named] if isinstance(named, str) else named
            one["Principal"] = sorted(
                name.split(":")[4] if name.endswith(":root") else name for name in names
            )
        for key in ("Action", "Resource"):
            if isinstance(one.get(key), list):
                one[key] = sorted(one[key])
    return sorted(statements, key=lambda one: str(one.get("Sid")))
