"""What a run of the watch step says as a whole, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from watching.checks import Check
from watching.measures import Group

# What to do, by the group of the checks that are raised.
ADVICE: Mapping[Group, tuple[str, str]] = {
    "photos": (
        "The photos look different",
        "Look at the lamps, the lens and the settings of the cameras before anything else.",
    ),
    "scenes": (
        "The photos show something else than bins as in the training",
        "Look at some photos: is the camera aimed at the bin, are these other bins or other goods?",
    ),
    "answers": (
        "The model answers differently",
        "If the photos are the same as ever, audit some bins to learn whether it still counts "
        "well, and retrain.",
    ),
    "verdicts": (
        "The verdicts are different",
        "Look first at what else is raised; alone, it means other errors in the records.",
    ),
    "records": (
        "Photos and records disagree more often",
        "Audit some of the bins in dispute: either records are wrong (an import that mixed up "
        "bins?) or the model counts worse.",
    ),
}
STEADY, CHANGED, UNKNOWN = "steady", "changed", "unknown"


def describe(
    found: Sequence[Check], answers: int, model: str | None, has_baseline: bool
) -> dict[str, Any]:
    """`status`, one `sentence`, and `advice` for each group that is raised.

    Args:
        found: the checks.
        answers: how many answers were compared.
        model: the id of the model that answered last.
        has_baseline: whether its baseline is known.
    """
    raised = [check for check in found if check.raised]
    if not answers:
        return _unknown("No answer was captured in this window; is the endpoint's capture on?")
    if not has_baseline:
        return _unknown(
            f"There is no baseline of the model that answers ({model or 'it does not say which'}). "
            "Retrain: Evaluate writes one."
        )
    if not raised:
        return {
            "status": STEADY,
            "sentence": f"Nothing has changed: {len(found)} checks of {answers} answers.",
            "advice": [],
        }
    groups = list(dict.fromkeys(check.group for check in raised))
    names = ", ".join(check.words for check in raised)
    return {
        "status": CHANGED,
        "sentence": f"{'. '.join(ADVICE[group][0] for group in groups)}. Changed: {names}.",
        "advice": [
            {
                "title": ADVICE[group][0],
                "findings": [f"{c.words}: {c.sentence}" for c in raised if c.group == group],
                "do": ADVICE[group][1],
            }
            for group in groups
        ],
    }


def text(document: Mapping[str, Any]) -> str:
    """The result in lines for the log."""
    lines = [
        f"endpoint {document['endpoint']}, {document['since']} to {document['until']}: "
        f"{document['sentence']}"
    ]
    for name, number in document["left_out"].items():
        if number:
            lines.append(f"left out: {number} {name}")
    for check in document["checks"]:
        mark = "RAISED" if check["raised"] else "ok"
        lines.append(
            f"{mark:<6} {check['name']:<20} {check['value']:8.3f}  chance {check['chance']:.5f}  "
            f"{check['sentence']}"
        )
    return "\n".join(lines)


def _unknown(sentence: str) -> dict[str, Any]:
    return {"status": UNKNOWN, "sentence": sentence, "advice": []}
