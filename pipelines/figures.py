"""The numbers that are shown of an evaluation, and where they stand in evaluation.json."""

from collections.abc import Mapping
from typing import Any

from model_registry.comparison import METRICS as COMPARED
from model_registry.comparison import number

METRICS = {
    **COMPARED,
    "calibration error": ("tally", "calibration_error", "value"),
    "test images": ("tally", "test_images", "value"),
}


def value_of(evaluation: Mapping[str, Any], name: str) -> float | None:
    """The value of a metric by its name here; None where the evaluation does not hold it."""
    return number(evaluation, METRICS[name])
