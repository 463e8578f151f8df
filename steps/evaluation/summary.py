"""An evaluation's results as lines of the log."""

from __future__ import annotations

from typing import Any


def text(document: dict[str, Any]) -> str:
    """The document of evaluation.json in lines."""
    tally = document["tally"]
    approved = tally["approved"]
    lines = [f"evaluated on {tally['test_images']} test images"]
    for metric in tally["metrics"]:
        interval = f"[{metric['interval']}]" if metric["interval"] else ""
        line = f"  {metric['label']:<18} {metric['text']:<18} {interval:<20} {metric['comparison']}"
        lines.append(line.rstrip())
    lines.append(f"  verification       {tally['verification']['sentence']}")
    if approved["present"]:
        lines.append(
            f"  approved model     only the new one correct: {approved['only_candidate_right']}, "
            f"only the approved one: {approved['only_approved_right']}"
        )
    else:
        lines.append("  approved model     none yet")
    lines.append("  count  precision  recall     f1  images")
    lines += [
        f"  {count:>5}  {one['precision']:9.2f}  {one['recall']:6.2f}  {one['f1']:5.2f}"
        f"  {one['support']:6d}"
        for count, one in tally["per_class"].items()
    ]
    return "\n".join(lines)
