"""Evaluate's evaluation.json: the only file here that knows its keys.

Everything that shows an evaluation loops over `EvaluationReport.metrics`. Evaluate declares them,
each with its label and texts (steps/evaluation/metrics.py), so a new one needs no change here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

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
# The share of the wrong stock records that the decision finds; 0 where it is not known, so that it
# meets no requirement but the one of 0, which asks for nothing.
FOUND_SHARE = "tally.decision.compared_found_share.value"
FOUND_IN_WORDS = "tally.decision.found_in_words"


@dataclass(frozen=True)
class Metric:
    """One test metric, with the texts that show it.

    Attributes:
        name: Its key.
        label: Its name in tables, short enough for a heading.
        value: None where it is undefined.
        short: The value alone: `48.0 %`.
        text: The value and its standard deviation: `48.0 ± 10.0 %`.
        description: What it says, in plain words.
        interval: The 95 % interval: `30.0 to 66.0 %`; "" where it was not estimated.
        comparison: What simpler answers and the approved model reach; "" where nothing is known.
        headline: Show it large, before the others.
        low, high: The ends of the 95 % interval; None where it was not estimated.
    """

    name: str
    label: str
    value: float | None
    short: str
    text: str
    description: str = ""
    interval: str = ""
    comparison: str = ""
    headline: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def with_interval(self) -> str:
        """The value and its 95 % interval: `48.0 % (30.0 to 66.0)`."""
        unit = self.short.partition(" ")[2]
        if not self.interval:
            return self.short
        return f"{self.short} ({self.interval.removesuffix(unit).strip()})"


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
        decision: What the decision does, in a sentence; "" if not known. Shown first.
        decision_short: The same in a few words, for tables; "" if not known.
        pictures: In the order in which pages show them.
    """

    document: Mapping[str, Any]
    metrics: tuple[Metric, ...] = ()
    test_images: int | None = None
    decision: str = ""
    decision_short: str = ""
    pictures: tuple[Picture, ...] = ()

    @property
    def headline(self) -> str:
        """The headline metrics in one sentence; "" if there is none."""
        parts = [f"{one.text} {one.description}" for one in self.metrics if one.headline]
        return f"{self.test_images} test images: {', '.join(parts)}." if parts else ""

    @property
    def classes(self) -> str:
        """The counts that the model answers, such as `1-5`; "" if that is not known."""
        classes = self.document.get("tally", {}).get("classes")
        if not isinstance(classes, list):
            return str(classes or "")
        return f"{classes[0]}-{classes[-1]}" if classes else ""

    @property
    def speed(self) -> tuple[float, int] | None:
        """Images per second of the served form of the model, and the cores that it had."""
        serving = self.document.get("tally", {}).get("serving", {})
        speed, cores = serving.get("images_per_second"), serving.get("cores")
        return (float(speed), int(cores)) if speed and cores else None

    @property
    def comparison(self) -> Mapping[str, Any]:
        """The paired comparison with the approved model; empty if there is none that decides."""
        approved = self.document.get("tally", {}).get("approved", {})
        decides = approved.get("present") and approved.get("decides", True)
        return approved if decides and "difference" in approved else {}

    def facts(self) -> dict[str, str]:
        """The metrics with their intervals, and what the decision is worth, by label."""
        shown = {one.label: one.with_interval for one in self.metrics}
        images = "" if self.test_images is None else str(self.test_images)
        return {"images tested on": images, **shown, "decision": self.decision}

    def unmet(self, parameters: Mapping[str, str]) -> list[str]:
        """Which conditions of CheckAccuracy do not hold, in words.

        Args:
            parameters: Those of the execution; a condition whose parameter is missing is left out.
        """
        accuracy, own, approved, found = (
            _at(self.document, path)
            for path in (ACCURACY, COMPARED_ACCURACY, REQUIRED_ACCURACY, FOUND_SHARE)
        )
        conditions = (
            ("its accuracy", accuracy, "AccuracyThreshold", parameters.get("AccuracyThreshold")),
            ("its accuracy, on the images that both are tested on,", own,
             "the approved model's", approved),
            ("the share of the wrong records that it finds", found,
             "MinFoundShare", parameters.get("MinFoundShare")),
        )  # fmt: skip
        return [
            f"{what} is {reached:.3f}, below {name} {float(least):.3f}"
            for what, reached, name, least in conditions
            if reached is not None and least is not None and reached < float(least)
        ]

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The metrics as the columns and rows of a table, without a column that would be empty."""
        columns = ("test metric", "this model", "95 % interval", "for comparison")
        rows = [(one.label, one.text, one.interval, one.comparison) for one in self.metrics]
        keep = [at for at in range(len(columns)) if at < 2 or any(row[at] for row in rows)]
        return tuple(columns[at] for at in keep), [tuple(row[at] for at in keep) for row in rows]


def read(document: Mapping[str, Any]) -> EvaluationReport:
    """Read the content of evaluation.json, of this version or an earlier one."""
    tally = document.get("tally", {})
    decision, verification = tally.get("decision") or {}, tally.get("verification") or {}
    return EvaluationReport(
        document=document,
        metrics=tuple(
            # A later version may add keys.
            Metric(**{name: entry[name] for name in _FIELDS if name in entry})
            for entry in (tally["metrics"] if "metrics" in tally else _earlier_metrics(document))
        ),
        test_images=tally.get("test_images"),
        decision=decision.get("sentence")
        or verification.get("sentence")
        or _earlier_verification(verification),
        decision_short=decision.get("short", ""),
        pictures=tuple(Picture(**one) for one in tally.get("pictures", ())),
    )


def _at(document: Mapping[str, Any], path: str) -> float | None:
    """The number at a path for JsonGet; None where there is none."""
    found: Any = document
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, int | float) else None


_FIELDS = [field.name for field in fields(Metric)]
# What evaluation.json held before it listed its metrics: the section, the label, the description,
# the factor, digits and unit that show the value, and the baseline.
_EARLIER = {
    "accuracy": (
        "multiclass_classification_metrics", "accuracy", "counted exactly",
        100, 1, " %", "majority_class",
    ),
    "within_one_accuracy": ("tally", "within one", "at most one item off", 100, 1, " %", ""),
    "rmse": (
        "regression_metrics", "RMSE", "root of the mean squared error",
        1, 2, " items", "mean_count",
    ),
    "mae": ("regression_metrics", "MAE", "off on average", 1, 2, " items", ""),
    "macro_f1": ("tally", "macro F1", "F1, averaged over the counts", 1, 3, "", ""),
    "calibration_error": (
        "tally", "calibration error", "gap between confidence and accuracy", 1, 3, "", "",
    ),
}  # fmt: skip


def _earlier_metrics(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The metrics of an evaluation.json that does not list them."""
    tally = document.get("tally", {})
    for name, (section, label, description, factor, digits, unit, key) in _EARLIER.items():
        entry = document.get(section, {}).get(name)
        # A bare number is a value, too; SageMaker's format has "NaN" where one is undefined.
        values = entry if isinstance(entry, dict) else {"value": entry}
        if not isinstance(values.get("value"), int | float):
            continue
        value, spread, low, high, baseline, approved = (
            None if number is None else f"{factor * number:.{digits}f}"
            for number in (
                values["value"],
                values.get("standard_deviation"),
                *(tally.get("intervals", {}).get(name, {}).get(end) for end in ("low", "high")),
                tally.get("baselines", {}).get(key, {}).get(name, {}).get("value"),
                tally.get("approved", {}).get("accuracy", {}).get("value"),
            )
        )
        compared = []
        if name == "accuracy" and tally.get("approved", {}).get("present"):
            compared.append(f"the approved model: {approved}{unit}{_note(tally['approved'])}")
        if baseline is not None:
            count = tally["baselines"][key]["count"]
            compared.append(f"always answering {count:.3g}: {baseline}{unit}")
        yield {
            "name": name, "label": label, "description": description, "value": values["value"],
            "short": f"{value}{unit}",
            "text": f"{value}{unit}" if spread is None else f"{value} ± {spread}{unit}",
            "interval": f"{low} to {high}{unit}" if low is not None else "",
            **tally.get("intervals", {}).get(name, {}),
            "comparison": "; ".join(compared),
            "headline": name in ("accuracy", "within_one_accuracy", "mae"),
        }  # fmt: skip


def _note(approved: Mapping[str, Any]) -> str:
    if not approved.get("decides", True):
        return ", but it was trained on nearly all of these bins, so this decides nothing"
    if not approved.get("only_unseen"):
        return ""
    own, images = approved["candidate_accuracy"]["value"], approved["images"]
    return f", this one {100 * own:.1f} %, on the {images} images that neither was trained on"


def _earlier_verification(verification: Mapping[str, Any]) -> str:
    """The sentence of a verification that does not hold it."""
    if "books_wrong" not in verification:
        return ""
    passed, reached = (verification[name]["value"] for name in ("passed", "precision"))
    wrong = f"If {100 * verification['books_wrong']:.0f} % of the stock records are wrong, "
    if not passed or reached is None:
        return f"{wrong}no bin can pass without a person."
    return (
        f"{wrong}{100 * passed:.1f} % of the bins can pass without a person; of these, "
        f"{100 * reached:.1f} % have a correct record "
        f"(required: {100 * verification['wanted_precision']:.0f} %)."
    )
