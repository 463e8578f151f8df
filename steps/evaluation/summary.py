"""An evaluation's results as lines of the log, what the decision does first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evaluation.formatting import number, percent


def text(document: dict[str, Any]) -> str:
    """The document of evaluation.json in lines."""
    tally = document["tally"]
    approved = tally["approved"]
    lines = [tally["decision"]["sentence"], f"evaluated on {tally['test_images']} test images"]
    for metric in tally["metrics"]:
        interval = f"[{metric['interval']}]" if metric["interval"] else ""
        line = f"  {metric['label']:<20} {metric['text']:<18} {interval:<20} {metric['comparison']}"
        lines.append(line.rstrip())
    lines += [f"  {line}" for line in _comparable(tally["one_to_five"])]
    lines += [f"  {line}" for line in _not_bins(tally["not_bins"])]
    if approved["present"]:
        lines.append(
            f"  approved model       only the new one correct: "
            f"{approved['only_candidate_right']}, only the approved one: "
            f"{approved['only_approved_right']}"
        )
    else:
        lines.append("  approved model       none yet")
    lines.append("  count  precision  recall     f1  images")
    lines += [
        f"  {count:>5}  {one['precision']:9.2f}  {one['recall']:6.2f}  {one['f1']:5.2f}"
        f"  {one['support']:6d}"
        for count, one in tally["per_class"].items()
    ]
    return "\n".join(lines)


def _comparable(figures: dict[str, Any]) -> Iterator[str]:
    """The figures on bins of 1 to 5."""
    for key, label in (("photo", "1 to 5, by the photo"), ("with_record", "1 to 5, with record")):
        if one := figures[key]:
            yield (
                f"{label:<20} {percent(one['accuracy'])} exact, "
                f"{percent(one['within_one_accuracy'])} within one, expected count off by "
                f"{number('items', one['expected_count_rmse']['value'])} (RMSE), calibration error "
                f"{number('number', one['calibration_error']['value'])}"
            )


def _not_bins(found: dict[str, Any] | None) -> Iterator[str]:
    if found:
        yield (
            f"{'no bins':<20} {percent(found['refused'])} of the pictures without a bin are "
            f"refused, and {percent(found['bins_refused'])} of the test images by mistake"
        )
