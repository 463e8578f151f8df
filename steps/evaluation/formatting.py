"""Numbers as text, for evaluation.json, the page and the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Format = Literal["percent", "items", "number"]
# The factor, the digits after the point, the unit.
FORMATS = {"percent": (100, 1, " %"), "items": (1, 2, " items"), "number": (1, 3, "")}


def number(form: Format, *values: float | None, between: str = "") -> str:
    """`48.0 %`; of two values, `48.0 ± 10.0 %` with " ± " between them; "" if one is missing."""
    factor, digits, unit = FORMATS[form]
    texts = [f"{factor * value:.{digits}f}" for value in values if value is not None]
    return between.join(texts) + unit if len(texts) == len(values) else ""


def percent(estimate: Mapping[str, float | None]) -> str:
    """`31.0 % (25 to 38)`; "not known" where it is undefined."""
    value, low, high = (estimate.get(name) for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return number("percent", value) or "not known"
    return f"{number('percent', value)} ({100 * low:.0f} to {100 * high:.0f})"
