"""An evaluation's numbers in words: each metric, its uncertainty, what it compares with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.serving.comparison import METRICS as COMPARED
from pipelines.serving.comparison import number

METRICS = {
    **COMPARED,
    "calibration error": ("tally", "calibration_error", "value"),
    "test images": ("tally", "test_images", "value"),
}
# What a baseline of evaluation.json does, with the count that it always answers.
BASELINES = {
    "majority_class": "always answer {:g}",
    "mean_count": "always answer the mean, {:.2f}",
}


@dataclass(frozen=True)
class Figure:
    """A metric as it is shown.

    `interval` is "" where it was not estimated, `comparison` where nothing else was measured by it.
    """

    name: str
    text: str
    comparison: str
    interval: str = ""


def figures(evaluation: Mapping[str, Any]) -> list[Figure]:
    """Every metric that an evaluation holds, in the order in which it is shown.

    Args:
        evaluation: The content of evaluation.json; may be empty.
    """
    found = []
    for name in METRICS:
        value = value_of(evaluation, name)
        if value is not None:
            text = f"{value:.0f}" if name == "test images" else f"{value:.3f}"
            spread = deviation_of(evaluation, name)
            text += "" if spread is None else f" ± {spread:.3f}"
            compared = "; ".join(_comparisons(evaluation, name))
            found.append(Figure(name, text, compared, _interval(evaluation, name)))
    return found


def metric_rows(evaluation: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The metrics as the columns and rows of a table, without a column that would be empty."""
    columns = ("test metric", "this model", "95 % interval", "to compare with")
    found = figures(evaluation)
    if any(figure.interval for figure in found):
        return columns, [(f.name, f.text, f.interval, f.comparison) for f in found]
    return (*columns[:2], columns[3]), [(f.name, f.text, f.comparison) for f in found]


def sentence(evaluation: Mapping[str, Any]) -> str:
    """What a model can do, in one sentence; "" for an empty evaluation."""
    images, exact = value_of(evaluation, "test images"), value_of(evaluation, "accuracy")
    near = value_of(evaluation, "within one")
    if images is None or exact is None or near is None:
        return ""
    spread = deviation_of(evaluation, "accuracy")
    plus_minus = "" if spread is None else f" (± {100 * spread:.1f})"
    return (
        f"Of {images:.0f} test images it counted {100 * exact:.1f} %{plus_minus} exactly "
        f"and {100 * near:.1f} % to within one item."
    )


def verification(evaluation: Mapping[str, Any]) -> str:
    """What share of the bins can pass without a person; "" for an evaluation that did not ask."""
    found = evaluation.get("tally", {}).get("verification")
    if not found:
        return ""
    wanted, wrong = 100 * found["wanted_precision"], 100 * found["books_wrong"]
    books = f"if {wrong:.0f} % of the books are wrong"
    passed, reached = found["passed"], found["precision"]
    if found["threshold"] is None or not passed["value"]:
        return f"Aiming at {wanted:.0f} % precision, no bin can pass without a person, {books}."
    return (
        f"Aiming at {wanted:.0f} % precision, {_percent(passed)} of the bins can pass without a "
        f"person, {books}; of those that passed in the test, {_percent(reached)} had right books."
    )


def value_of(evaluation: Mapping[str, Any], name: str) -> float | None:
    """The value of a metric by its name here; None where the evaluation does not hold it."""
    return number(evaluation, METRICS[name])


def deviation_of(evaluation: Mapping[str, Any], name: str) -> float | None:
    """The standard deviation of a metric; None where it was not estimated."""
    return number(evaluation, (*METRICS[name][:-1], "standard_deviation"))


def _approved(evaluation: Mapping[str, Any]) -> str:
    """The approved model's accuracy, with this one's where it is of fewer images; "" for none."""
    approved = evaluation.get("tally", {}).get("approved", {})
    accuracy = number(approved, ("accuracy", "value"))
    if not approved.get("present") or accuracy is None:
        return ""
    said = f"the approved model: {accuracy:.3f}"
    this = number(approved, ("candidate_accuracy", "value"))
    if approved.get("only_unseen") and this is not None:
        images = approved["images"]
        said += f", this one {this:.3f}, on the {images} images that neither has learnt from"
    if not approved.get("decides", True):
        said += ", which has learnt from nearly all of these bins, so this decides nothing"
    return said


def _interval(evaluation: Mapping[str, Any], name: str) -> str:
    """The 95 % interval of a metric, which evaluation.json keeps under the metric's name there."""
    span = evaluation.get("tally", {}).get("intervals", {}).get(METRICS[name][-2])
    return f"{span['low']:.3f} to {span['high']:.3f}" if isinstance(span, dict) else ""


def _percent(metric: Mapping[str, Any]) -> str:
    text = f"{100 * metric['value']:.0f} %"
    if "low" not in metric:
        return text
    return f"{text} ({100 * metric['low']:.0f} to {100 * metric['high']:.0f})"


def _comparisons(evaluation: Mapping[str, Any], name: str) -> list[str]:
    found = []
    if name == "accuracy" and (approved := _approved(evaluation)):
        found.append(approved)
    for key, baseline in evaluation.get("tally", {}).get("baselines", {}).items():
        value = number(baseline, (METRICS[name][-2], "value"))
        if value is not None and "count" in baseline:
            what = BASELINES.get(key, key.replace("_", " ") + ", {:g}").format(baseline["count"])
            found.append(f"{what}: {value:.3f}")
    return found
