"""One HTML file about an execution, with its pictures in it, and the pictures beside it."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from model_registry.versions import ModelVersion
from model_registry.versions import describe as describe_version
from pipelines import outcome as outcomes
from pipelines import watch
from pipelines.charts import Chart, history_chart, timeline, trials_chart
from pipelines.figures import METRICS, value_of
from pipelines.outcome import Outcome
from pipelines.terminal import duration, moment, short
from pipelines.watch import Look

if TYPE_CHECKING:
    import boto3

TEMPLATES = Path(__file__).with_name("templates")
# What a picture of Evaluate shows, by its file's name; others are shown under their own name.
CAPTIONS = {
    "confusion": "Confusion matrix: the true count against the count that the model gave.",
    "per_class": "Precision and recall of each count.",
    "reliability": "Reliability: how often an answer of a given confidence is right.",
    "history": "Loss and accuracy of each epoch.",
    "mistakes": "The worst mistakes among the test images.",
}


@dataclass(frozen=True)
class Picture:
    """A picture to be put into the page."""

    name: str
    caption: str
    data: str


def write(session: "boto3.Session", arn: str, folder: Path) -> Path:
    """Write `<folder>/<execution>/report.html` and the pictures beside it.

    Args:
        session: The target's session.
        arn: The execution, in whatever state.
        folder: Where the reports are.

    Returns:
        The HTML file, which needs no other file.
    """
    client, s3 = session.client("sagemaker"), session.client("s3")
    look = watch.look(client, session.client("logs"), arn)
    outcome = outcomes.read(client, s3, look.execution)
    place = folder / look.execution.id
    place.mkdir(parents=True, exist_ok=True)
    pictures = outcomes.download_plots(s3, outcome.evaluation_url, place / "plots")
    version = _version(client, outcome.model_package_arn)
    file = place / "report.html"
    file.write_text(render(look, outcome, pictures, version), encoding="utf-8")
    (place / "evaluation.json").write_text(json.dumps(outcome.evaluation, indent=2))
    return file


def render(look: Look, outcome: Outcome, pictures: list[Path], version: ModelVersion | None) -> str:
    """The page as text.

    Args:
        look: The execution as it is.
        outcome: What it found out.
        pictures: PNG files; they are put into the page.
        version: The model version that it registered.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters.update(duration=duration, moment=moment, short=short)
    return environment.get_template("report.html.j2").render(
        execution=look.execution,
        details=look.details,
        outcome=outcome,
        version=version,
        accuracy=value_of(outcome.evaluation, "accuracy") if outcome.evaluation else None,
        metrics=_metrics(outcome.evaluation),
        baselines=_baselines(outcome.evaluation),
        approved=_approved(outcome.evaluation),
        pictures=[_picture(file) for file in pictures],
        charts=_charts(look, outcome),
        hyperparameters=sorted({n for t in outcome.trials for n in t.hyperparameters}),
        now=datetime.now(UTC),
    )


def _charts(look: Look, outcome: Outcome) -> dict[str, Chart | None]:
    return {
        "timeline": timeline(look.execution),
        "trials": trials_chart(outcome.trials),
        "history": history_chart(outcome.training.get("history", [])),
    }


def _metrics(evaluation: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [(name, value_of(evaluation, name)) for name in METRICS] if evaluation else []
    return [
        (name, f"{value:.0f}" if name == "test images" else f"{value:.3f}")
        for name, value in found
        if value is not None
    ]


def _baselines(evaluation: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, metric and value of what a model without learning would reach."""
    rows = []
    for name, found in evaluation.get("tally", {}).get("baselines", {}).items():
        values = found if isinstance(found, dict) else {"accuracy": found}
        for metric, value in values.items():
            number = value.get("value") if isinstance(value, dict) else value
            if isinstance(number, int | float):
                words = (name.replace("_", " "), metric.replace("_", " "), f"{number:.3f}")
                rows.append(words)
    return rows


def _approved(evaluation: Mapping[str, Any]) -> float | None:
    """The accuracy of the model that was approved before, on the same images; None for none."""
    found = evaluation.get("tally", {}).get("approved", {}).get("accuracy", {}).get("value")
    return found or None


def _picture(file: Path) -> Picture:
    data = base64.b64encode(file.read_bytes()).decode()
    return Picture(file.stem, CAPTIONS.get(file.stem, file.stem.replace("_", " ")), data)


def _version(client: Any, arn: str) -> ModelVersion | None:
    if not arn:
        return None
    try:
        return describe_version(client, arn)
    except ClientError as error:
        # The version may have been deleted since; the rest of the report still holds.
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
