"""One HTML file about an execution, with its pictures in it, and the pictures beside it."""

import base64
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.display.charts import timeline, trials_chart
from pipelines.display.formatting import duration, moment, short
from pipelines.executions import outcome as outcomes
from pipelines.executions import watch
from pipelines.executions.advice import advise
from pipelines.executions.figures import figures, value_of, verification
from pipelines.executions.outcome import Outcome
from pipelines.executions.watch import LastWords, Look

if TYPE_CHECKING:
    import boto3

TEMPLATES = Path(__file__).with_name("templates")
# What a picture of Evaluate shows, by its file's name, in the page's order; others come first,
# under their own name.
CAPTIONS = {
    "confusion": "Confusion matrix: the true count against the count that the model gave.",
    "history": "Loss and accuracy of each epoch.",
    "per_class": "Precision and recall of each count.",
    "reliability": "Reliability: how often an answer of a given confidence is right.",
    "slices": "The accuracy on parts of the test images. A long bar: too few images to be sure.",
    "verification": "Left: right books told from wrong ones. Right: of the bins that pass without "
    "a person, the share whose books are right.",
    "mistakes": "The mistakes that the model was surest of, among the test images.",
    "attention": "Where the model looks (Grad-CAM): bright parts speak for its answer.",
    "suspects": "Training images whose labels look wrong, with the probability of the label.",
}
# As wide as the page; they follow the narrow ones, which are set in two columns.
WIDE = ("verification", "mistakes", "attention", "suspects")


@dataclass(frozen=True)
class Picture:
    """A picture to be put into the page."""

    name: str
    caption: str
    data: str
    wide: bool


def write(session: "boto3.Session", arn: str, folder: Path) -> Path:
    """Write `<folder>/<execution>/report.html`, with the pictures and other pages beside it.

    All of it is written elsewhere first: an earlier report stays until the new one is whole.

    Args:
        session: The target's session.
        arn: The execution, in whatever state.
        folder: Where the reports are.

    Returns:
        The HTML file, which needs no other file.
    """
    client, s3, logs = (session.client(name) for name in ("sagemaker", "s3", "logs"))
    look = watch.look(client, logs, arn)
    outcome = outcomes.read(client, s3, look.execution)
    words = watch.last_words(client, logs, look.execution)
    with _replaced(folder / look.execution.id) as place:
        pictures = outcomes.download_plots(s3, outcome.evaluation_url, place / "plots")
        suspects, profile, page = (
            outcomes.download(s3, outcome.evaluation_url, name, place)
            for name in (outcomes.SUSPECTS, outcomes.PROFILE, outcomes.PAGE)
        )
        pictures += [suspects] if suspects else []
        html = render(look, outcome, pictures, words, profile, page)
        (place / "report.html").write_text(html, encoding="utf-8")
        if outcome.evaluation:
            (place / "evaluation.json").write_text(json.dumps(outcome.evaluation, indent=2))
    return folder / look.execution.id / "report.html"


@contextmanager
def _replaced(place: Path) -> Iterator[Path]:
    """A new folder to fill, which then takes the place of the one that may be there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=place.parent) as beside:
        new = Path(beside, "new")
        new.mkdir()
        yield new
        if place.exists():
            place.rename(Path(beside, "earlier"))
        new.rename(place)


def render(
    look: Look,
    outcome: Outcome,
    pictures: Sequence[Path],
    words: Sequence[LastWords] = (),
    profile: Path | None = None,
    evaluation: Path | None = None,
) -> str:
    """The page as text.

    Args:
        look: The execution as it is.
        outcome: What it found out.
        pictures: PNG files; they are put into the page.
        words: What the jobs of failed steps wrote last.
        profile: The page beside this one that says where Train's time went.
        evaluation: The page beside this one that Evaluate wrote.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    advice = advise(look.execution, outcome)
    # Who reads the page has the report already.
    others = tuple(c for c in advice.commands if not c[0].startswith("report"))
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters.update(duration=duration, moment=moment, short=short)
    return environment.get_template("report.html.j2").render(
        execution=look.execution,
        details=look.details,
        outcome=outcome,
        version=outcome.version,
        advice=replace(advice, commands=others),
        words=words,
        profile=profile.name if profile else "",
        page=evaluation.name if evaluation else "",
        verification=verification(outcome.evaluation),
        accuracy=value_of(outcome.evaluation, "accuracy") if outcome.evaluation else None,
        within_one=value_of(outcome.evaluation, "within one") if outcome.evaluation else None,
        figures=figures(outcome.evaluation),
        pictures=[_picture(file) for file in sorted(pictures, key=_place)],
        charts={
            "timeline": timeline(look.execution),
            "trials": trials_chart(outcome.trials),
        },
        hyperparameters=sorted({n for t in outcome.trials for n in t.hyperparameters}),
        now=datetime.now(UTC),
    )


def _place(file: Path) -> int:
    return list(CAPTIONS).index(file.stem) if file.stem in CAPTIONS else -1


def _picture(file: Path) -> Picture:
    data = base64.b64encode(file.read_bytes()).decode()
    caption = CAPTIONS.get(file.stem, file.stem.replace("_", " "))
    return Picture(file.stem, caption, data, file.stem in WIDE)
