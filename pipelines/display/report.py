"""One HTML file about an execution, with its pictures in it, and the pictures beside it."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import prices
from pipelines.display.charts import timeline, trials_chart
from pipelines.display.formatting import duration, moment, short
from pipelines.evaluation_report import FILE, EvaluationReport
from pipelines.executions import outcome as outcomes
from pipelines.executions import photo_cost, watch
from pipelines.executions.advice import PROGRAM, advise
from pipelines.executions.outcome import PAGE, PROFILE, Outcome
from pipelines.executions.photo_cost import PhotoCost
from pipelines.executions.watch import LogEnding, Snapshot
from pipelines.root import ROOT
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

TEMPLATES = Path(__file__).with_name("templates")
# The style sheets that this page shares with those of the steps.
STYLES = ROOT / "steps" / "styles"


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture in the page, in base 64."""

    caption: str
    data: str
    wide: bool


def write(session: boto3.Session, arn: str, folder: Path, settings: Settings | None = None) -> Path:
    """Write `<folder>/<execution>/report.html`, with the pictures and other pages beside it.

    Everything is written to another folder first: an earlier report stays until the new one is
    complete.

    Args:
        session: The target's session.
        arn: The execution, in any state.
        folder: The folder of all reports.
        settings: Of the target, for the cost of photos; None leaves that out.

    Raises:
        PriceError: The file of prices that the settings name cannot be used.

    Returns:
        The HTML file, which needs no other file.
    """
    client, s3, logs = session.client("sagemaker"), session.client("s3"), session.client("logs")
    snapshot = watch.snapshot(client, logs, arn)
    outcome = outcomes.read(client, s3, snapshot.execution)
    endings = watch.log_endings(client, logs, snapshot.execution)
    photos = None
    if settings:
        known = prices.load(settings)
        photos = photo_cost.read(snapshot.execution, outcome.evaluation, known)
    with _replaced(folder / snapshot.execution.id) as new:
        files = outcomes.download(s3, outcome.evaluation_url, new)
        html = render(snapshot, outcome, files, endings, photos)
        (new / "report.html").write_text(html, encoding="utf-8")
        if outcome.evaluation:
            (new / FILE).write_text(json.dumps(outcome.evaluation.document, indent=2))
    return folder / snapshot.execution.id / "report.html"


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which then replaces the existing one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder.parent) as beside:
        new = Path(beside, "new")
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(Path(beside, "earlier"))
        new.rename(folder)


def render(
    snapshot: Snapshot,
    outcome: Outcome,
    files: Sequence[Path] = (),
    endings: Sequence[LogEnding] = (),
    photos: PhotoCost | None = None,
) -> str:
    """The report as text.

    Args:
        snapshot: The execution.
        outcome: Its results.
        files: PNG files to put into the report, and HTML files beside it to link to.
        endings: The last lines of the failed steps' logs.
        photos: What photos cost on the endpoint; None where that is not known.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    advice = advise(snapshot.execution, outcome)
    # Who reads the page has the report already.
    others = tuple(c for c in advice.commands if not c[0].startswith("report"))
    environment = Environment(
        loader=FileSystemLoader([TEMPLATES, STYLES]), autoescape=True, undefined=StrictUndefined
    )
    environment.filters.update(duration=duration, moment=moment, short=short)
    return environment.get_template("report.html.j2").render(
        execution=snapshot.execution,
        details=snapshot.details,
        outcome=outcome,
        evaluation=outcome.evaluation,
        version=outcome.version,
        advice=replace(advice, commands=others),
        program=PROGRAM,
        endings=endings,
        photos=photos.sentences if photos else "",
        profile_page=PROFILE,
        evaluation_page=PAGE,
        pages=[file.name for file in files if file.suffix == ".html"],
        pictures=_embed(files, outcome.evaluation),
        charts={
            "timeline": timeline(snapshot.execution),
            "trials": trials_chart(outcome.trials),
        },
        hyperparameters=sorted({n for t in outcome.trials for n in t.hyperparameters}),
        now=datetime.now(UTC),
    )


def _embed(files: Sequence[Path], report: EvaluationReport | None) -> list[EmbeddedPicture]:
    """The pictures in the evaluation's order; first those that it does not name."""
    known = {Path(one.file).name: one for one in report.pictures} if report else {}
    names = list(known)
    embedded = []
    pictures = (file for file in files if file.suffix == ".png")
    for file in sorted(pictures, key=lambda f: names.index(f.name) if f.name in known else -1):
        picture = known.get(file.name)
        caption = picture.caption if picture else file.stem.replace("_", " ")
        data = base64.b64encode(file.read_bytes()).decode()
        embedded.append(EmbeddedPicture(caption, data, bool(picture and picture.wide)))
    return embedded
