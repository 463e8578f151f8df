"""Metrics as text; pipelines/evaluation_report.py shows them in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# By a metric's format: the factor, the digits after the point, the unit.
FORMATS = {"percent": (100, 1, " %"), "items": (1, 2, " items"), "number": (1, 3, "")}


def number(metric: Mapping[str, Any], value: float | None, spread: float | None = None) -> str:
    """`48.0 %`, or `48.0 ± 10.0 %`; "undefined" for None."""
    if value is None:
        return "undefined"
    factor, digits, unit = FORMATS[metric["format"]]
    deviation = "" if spread is None else f" ± {factor * spread:.{digits}f}"
    return f"{factor * value:.{digits}f}{deviation}{unit}"


def interval(metric: Mapping[str, Any]) -> str:
    """`30.0 to 66.0 %`; "" where it was not estimated."""
    if "low" not in metric:
        return ""
    factor, digits, _ = FORMATS[metric["format"]]
    return f"{factor * metric['low']:.{digits}f} to {number(metric, metric['high'])}"


def baselines(metric: Mapping[str, Any]) -> str:
    """`always answering 3: 26.0 %; ...`."""
    return "; ".join(
        f"{one['label']}: {number(metric, one['value'])}{one['note']}"
        for one in metric["baselines"]
    )


def percent(estimate: Mapping[str, Any]) -> str:
    """`31.0 % (25 to 38)`; "none" where it is undefined."""
    if estimate["value"] is None:
        return "none"
    text = f"{100 * estimate['value']:.1f} %"
    if "low" not in estimate:
        return text
    return f"{text} ({100 * estimate['low']:.0f} to {100 * estimate['high']:.0f})"
