"""Evaluate's evaluation.json: the only file here that knows its keys.

Everything that shows an evaluation loops over `EvaluationReport.metrics`. Evaluate declares them,
each with its label and format (steps/evaluation/metrics.py), so a new metric needs no change here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

FILE = "evaluation.json"

# What the pipeline's own steps read of it, as paths for JsonGet.
ACCURACY = "multiclass_classification_metrics.accuracy.value"
APPROVED_ACCURACY = "tally.approved.accuracy.value"
# The approved model's accuracy; 0 where it was trained on nearly all of the test images.
REQUIRED_ACCURACY = "tally.approved.must_reach.value"
# The model's accuracy on the images that the approved model is evaluated on, too.
COMPARED_ACCURACY = "tally.approved.candidate_accuracy.value"
ACCURACY_IN_WORDS = "tally.accuracy_in_words"
REQUIREMENT_IN_WORDS = "tally.approved.requirement"

# By a metric's format: the factor, the digits after the point, the unit.
FORMATS = {"percent": (100, 1, " %"), "items": (1, 2, " items"), "number": (1, 3, "")}


@dataclass(frozen=True)
class Baseline:
    """Something simpler that a metric is compared with."""

    label: str
    value: float
    note: str = ""


@dataclass(frozen=True)
class Metric:
    """One test metric, with all that is needed to show it.

    Attributes:
        name: Its key.
        label: Its name in tables, short enough for a heading.
        description: What it says, in plain words.
        format: How the value is shown.
        better: Which of two values is the better one.
        headline: Show it large, before the others.
        value: None where it is undefined.
        standard_deviation: Over resamplings of the test images; None where it was not estimated.
        low: The lower end of the 95 % interval; None where it was not estimated.
        high: The upper end.
        baselines: What it is compared with.
    """

    name: str
    label: str
    description: str = ""
    format: Literal["percent", "items", "number"] = "number"
    better: Literal["higher", "lower"] = "higher"
    headline: bool = False
    value: float | None = None
    standard_deviation: float | None = None
    low: float | None = None
    high: float | None = None
    baselines: tuple[Baseline, ...] = ()

    @property
    def short(self) -> str:
        """The value alone: `48.0 %`."""
        return self._text(self.value)

    @property
    def text(self) -> str:
        """The value and its standard deviation: `48.0 ± 10.0 %`."""
        return self._text(self.value, self.standard_deviation)

    @property
    def interval(self) -> str:
        """The 95 % interval: `30.0 to 66.0 %`; "" where it was not estimated."""
        if self.low is None or self.high is None:
            return ""
        factor, digits, _ = FORMATS[self.format]
        return f"{factor * self.low:.{digits}f} to {self._text(self.high)}"

    @property
    def comparison(self) -> str:
        """What it is compared with: `always answering 3: 26.0 %; ...`."""
        return "; ".join(f"{b.label}: {self._text(b.value)}{b.note}" for b in self.baselines)

    def _text(self, value: float | None, spread: float | None = None) -> str:
        if value is None:
            return "undefined"
        factor, digits, unit = FORMATS[self.format]
        deviation = "" if spread is None else f" ± {factor * spread:.{digits}f}"
        return f"{factor * value:.{digits}f}{deviation}{unit}"


@dataclass(frozen=True)
class Picture:
    """A picture of the evaluation: its path in Evaluate's output, and how pages show it."""

    file: str
    caption: str
    wide: bool = False


@dataclass(frozen=True)
class EvaluationReport:
    """An evaluation.

    Attributes:
        document: The content of evaluation.json.
        metrics: The test metrics, in the order in which they are shown.
        test_images: How many images they are of; None if that is not known.
        verification: In a sentence, how many bins can pass without a person; "" if not known.
        pictures: In the order in which pages show them.
    """

    document: Mapping[str, Any]
    metrics: tuple[Metric, ...] = ()
    test_images: int | None = None
    verification: str = ""
    pictures: tuple[Picture, ...] = ()

    @property
    def headline(self) -> str:
        """The headline metrics in one sentence; "" if there is none."""
        parts = [f"{one.text} {one.description}" for one in self.metrics if one.headline]
        return f"{self.test_images} test images: {', '.join(parts)}." if parts else ""

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The metrics as the columns and rows of a table, without a column that would be empty."""
        columns = ("test metric", "this model", "95 % interval", "for comparison")
        rows = [(one.label, one.text, one.interval, one.comparison) for one in self.metrics]
        keep = [at for at in range(len(columns)) if at < 2 or any(row[at] for row in rows)]
        return tuple(columns[at] for at in keep), [tuple(row[at] for at in keep) for row in rows]


def read(document: Mapping[str, Any]) -> EvaluationReport:
    """Read the content of evaluation.json, of this version or an earlier one."""
    tally = document.get("tally", {})
    verification = tally.get("verification") or {}
    return EvaluationReport(
        document=document,
        metrics=tuple(map(_metric, tally["metrics"] if "metrics" in tally else _earlier(document))),
        test_images=tally.get("test_images"),
        verification=verification.get("sentence") or _earlier_verification(verification),
        pictures=tuple(Picture(**one) for one in tally.get("pictures", ())),
    )


def _metric(entry: Mapping[str, Any]) -> Metric:
    # A later version may add keys.
    known = {field.name: entry[field.name] for field in fields(Metric) if field.name in entry}
    baselines = tuple(Baseline(**one) for one in entry.get("baselines", ()))
    return Metric(**{**known, "baselines": baselines})


# What evaluation.json held before it declared its metrics: the section and how each is shown.
_EARLIER = {
    "accuracy": ("multiclass_classification_metrics", "accuracy", "counted exactly", "percent"),
    "within_one_accuracy": ("tally", "within one", "at most one item off", "percent"),
    "rmse": ("regression_metrics", "RMSE", "root of the mean squared error", "items"),
    "mae": ("regression_metrics", "MAE", "off on average", "items"),
    "macro_f1": ("tally", "macro F1", "F1, averaged over the counts", "number"),
    "calibration_error": (
        "tally", "calibration error", "gap between confidence and accuracy", "number",
    ),
}  # fmt: skip


def _earlier(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The metrics of an evaluation.json that does not declare them."""
    tally = document.get("tally", {})
    entries = []
    for name, (section, label, description, form) in _EARLIER.items():
        found = document.get(section, {}).get(name)
        # A bare number is a value, too; SageMaker's format has "NaN" where one is undefined.
        estimate = found if isinstance(found, dict) else {"value": found}
        if not isinstance(estimate.get("value"), int | float):
            continue
        interval = tally.get("intervals", {}).get(name, {})
        words = {"label": label, "description": description, "format": form}
        headline = name in ("accuracy", "within_one_accuracy", "mae")
        baselines = _earlier_baselines(tally, name)
        entries.append(
            {"name": name, **words, **estimate, **interval, "headline": headline,
             "baselines": baselines}
        )  # fmt: skip
    return entries


def _earlier_baselines(tally: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = []
    approved = tally.get("approved", {})
    if name == "accuracy" and approved.get("present"):
        note = ""
        if not approved.get("decides", True):
            note = ", but it was trained on nearly all of these bins, so this decides nothing"
        elif approved.get("only_unseen"):
            own, images = approved["candidate_accuracy"]["value"], approved["images"]
            note = (
                f", this one {100 * own:.1f} %, on the {images} images that neither was trained on"
            )
        value = approved["accuracy"]["value"]
        found.append({"label": "the approved model", "value": value, "note": note})
    labels = {"majority_class": "always answering {:g}", "mean_count": "always answering {:.2f}"}
    for key, baseline in tally.get("baselines", {}).items():
        if name in baseline and key in labels:
            label = labels[key].format(baseline["count"])
            found.append({"label": label, "value": baseline[name]["value"]})
    return found


def _earlier_verification(verification: Mapping[str, Any]) -> str:
    """The sentence of a verification that does not hold it."""
    passed, reached = (verification.get(name, {}) for name in ("passed", "precision"))
    if "books_wrong" not in verification:
        return ""
    wrong = f"If {100 * verification['books_wrong']:.0f} % of the stock records are wrong, "
    if not passed.get("value") or reached.get("value") is None:
        return f"{wrong}no bin can pass without a person."
    return (
        f"{wrong}{100 * passed['value']:.1f} % of the bins can pass without a person; of these, "
        f"{100 * reached['value']:.1f} % have a correct record "
        f"(required: {100 * verification['wanted_precision']:.0f} %)."
    )
