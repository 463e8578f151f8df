"""What the decision does, in a sentence: first on every page, so it must not flatter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.formatting import percent

NAMES = {
    "miscounted": "a quantity is miscounted",
    "item_not_there": "an item is listed that is not there",
    "item_not_listed": "an item is there that is not listed",
    "exchanged": "the record is another bin's",
}


def sentence(described: Mapping[str, Any]) -> str:
    """The result with its intervals, in one paragraph.

    Args:
        described: tally.decision of evaluation.json.
    """
    if described["left_out"]:
        return f"What the decision does is not known: {described['left_out']}."
    looked, found, right, cannot = (
        percent(described[name]) for name in ("looked", "found_share", "precision", "cannot_judge")
    )
    nobody = f"({_whole(described['if_nobody_looked'])} would be if nobody looked)"
    start = f"While people look at {looked} of the bins, {found} of the wrong records are found; "
    if described["precision"]["value"] is None:
        start += "no bin passes."
    elif described["missed"]:
        target = _whole(described["match_precision"])
        start += (
            f"of those that pass, {right} are right: the target of {target} is missed {nobody}."
        )
    else:
        start += f"of those that pass, {right} are right {nobody}."
    return f"{start} {cannot} cannot be judged.{_fitted_otherwise(described)}"


def short(described: Mapping[str, Any]) -> str:
    """The result in a few words, for tables; "not known" without one."""
    if described["left_out"]:
        return "not known"
    looked, found, right = (
        _whole(described[name]["value"]) for name in ("looked", "found_share", "precision")
    )
    missed = " (target missed)" if described["missed"] else ""
    return f"looks at {looked}, finds {found}, {right} right{missed}"


def found(described: Mapping[str, Any]) -> str:
    """`0.671`, as its threshold is written, or `not known`."""
    value = described["found_share"]["value"]
    return "not known" if value is None else f"{value:.3f}"


def is_missed(described: Mapping[str, Any]) -> bool | None:
    """Whether fewer of the passing bins are right than must be; None where none passes."""
    value = described["precision"]["value"]
    if value is None:
        return None
    return round(value, 3) < described["match_precision"]


def _fitted_otherwise(described: Mapping[str, Any]) -> str:
    """That Train fitted the thresholds for something else than is judged here."""
    fitted = described["fitted"]
    names = {"match_precision": "{} right", "record_error_rate": "{} wrong records"}
    differing = [name for name in names if abs(fitted[name] - described[name]) > 1e-9]
    shares, assumed = fitted["record_error_kinds"], described["record_error_kinds"]
    kinds = any(abs(shares.get(name, 0) - share) > 1e-6 for name, share in assumed.items())
    if not differing and not kinds:
        return ""
    parts = [
        f"{names[name].format(_whole(fitted[name]))}, not {_whole(described[name])}"
        for name in differing
    ]
    parts += ["another mix of wrong records"] * kinds
    return f" The thresholds in the model were fitted for {' and '.join(parts)}."


def _whole(share: float | None) -> str:
    return "not known" if share is None else f"{100 * share:.3g} %"
