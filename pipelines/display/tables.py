"""The tables of the commands: results, executions, model versions, the endpoint."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from pipelines.display.formatting import STYLES, duration, moment, short
from pipelines.display.table import Column, FittedTable
from pipelines.display.terminal import NextSteps, headline, steps
from pipelines.evaluation_report import EvaluationReport, Metric
from pipelines.executions.advice import advise
from pipelines.executions.execution import NO_NAME, Execution
from pipelines.executions.outcome import Outcome, Verdict
from pipelines.executions.summary import Summary
from pipelines.executions.watch import Snapshot
from pipelines.parameters import Parameter
from pipelines.serving.comparison import Compared, data_name
from pipelines.watch_result import WatchResult

DECISION = 4  # place of the decision among the columns that narrow terminals leave out
LONGEST_DEFAULT = 16  # of a parameter; a longer one stands in the last column


def status(snapshot: Snapshot, outcome: Outcome) -> list[RenderableType]:
    """What `status` shows of an execution."""
    execution = snapshot.execution
    parts: list[RenderableType] = [headline(execution)]
    if execution.failure:
        parts.append(Text(f"Failed because: {execution.failure}", STYLES["Failed"]))
    return [*parts, steps(snapshot), *results(execution, outcome)]


def results(execution: Execution, outcome: Outcome) -> list[RenderableType]:
    """The results of an execution, and what to do next."""
    parts: list[RenderableType] = []
    if outcome.trials:
        parts.append(trials(outcome))
    if report := outcome.evaluation:
        parts += [Text(report.decision, "bold"), metrics(report), Text(report.headline, "bold")]
    if outcome.debug_rules:
        parts.append(rules(outcome.debug_rules))
    parts.append(NextSteps(advise(execution, outcome)))
    return [part for part in parts if not isinstance(part, Text) or part]


def trials(outcome: Outcome) -> FittedTable:
    """The trials by their numbers, the best one marked; `status --json` has their jobs' names."""
    names = sorted({name for trial in outcome.trials for name in trial.hyperparameters})
    objective = next((trial.metric for trial in outcome.trials if trial.metric), "objective")
    all_completed = all(trial.status == "Completed" for trial in outcome.trials)
    rows = [
        [
            str(number),
            *(short(trial.hyperparameters.get(name, "")) for name in names),
            "" if trial.objective is None else f"{trial.objective:.3f}",
            duration(trial.seconds),
            "best" if trial.best else "",
            *([] if all_completed else [trial.status, trial.failure]),
        ]
        for number, trial in enumerate(outcome.trials, 1)
    ]
    headings = ["trial", *names, objective.replace(":", " ")]
    columns = [Column(heading, right=True, whole=True) for heading in headings]
    columns += [Column("duration", right=True, whole=True), Column("", whole=True)]
    more = [] if all_completed else [Column("status", whole=True), Column("failure")]
    return FittedTable([*columns, *more], rows)


def watched(result: WatchResult) -> FittedTable:
    """The checks of a run that watched the endpoint, those that are raised first."""
    ordered = sorted(result.checks, key=lambda check: not check.raised)
    rows = [
        [
            "changed" if check.raised else "ok", check.name, f"{check.value:.3f}",
            f"{100 * check.chance:.2f} %", check.sentence,
        ]
        for check in ordered
    ]  # fmt: skip
    columns = [
        Column("", whole=True), Column("watched", whole=True),
        Column("value", right=True, whole=True), Column("by chance", right=True, whole=True),
        Column("found"),
    ]  # fmt: skip
    return FittedTable(columns, rows)


def metrics(report: EvaluationReport) -> FittedTable:
    """The test metrics, each with its standard deviation, interval and comparison."""
    headings, rows = report.rows()
    columns = [Column(heading, whole=at < 3) for at, heading in enumerate(headings)]
    return FittedTable(columns, rows)


def rules(verdicts: Iterable[Verdict]) -> FittedTable:
    """The debug rules' verdicts."""
    rows = [(v.get("rule", ""), v.get("status", ""), v.get("reason", "")) for v in verdicts]
    columns = (Column("debug rule", whole=True), Column("verdict", whole=True), Column("reason"))
    return FittedTable(columns, rows)


def parameters(declared: Iterable[Parameter]) -> FittedTable:
    """The parameters of the pipeline."""
    rows = []
    for one in declared:
        text, default = one.help, short(str(one.default))
        if one.allowed:
            text += f" Allowed: {one.allowed}."
        if len(default) > LONGEST_DEFAULT:
            text, default = f"{text} Default: {default}", "…"
        rows.append((one.name, default, text))
    columns = (Column("parameter", whole=True), Column("default", whole=True), Column("meaning"))
    return FittedTable(columns, rows)


def executions(summaries: Iterable[Summary]) -> FittedTable:
    """The executions of a pipeline."""
    rows = [
        (
            one.id,
            "" if NO_NAME.fullmatch(one.name) else one.name,
            one.status,
            moment(one.started, seconds=False),
            one.data,
            " ".join(f"{name}={_named(value)}" for name, value in one.changed.items()),
            one.failure,
        )
        for one in summaries
    ]
    columns = (
        Column("execution", whole=True),
        Column("name"),
        Column("status", whole=True),
        Column("started", whole=True, optional=2),
        Column("data", optional=1),
        Column("changed parameters"),
        Column("failure"),
    )
    used = [at for at in range(len(columns)) if at < 1 or any(row[at] for row in rows)]
    return FittedTable([columns[at] for at in used], [[row[at] for at in used] for row in rows])


def models(compared: Iterable[Compared]) -> FittedTable:
    """Model versions, one in a row."""
    entries = list(compared)
    labels: dict[str, Metric] = {one.name: one for entry in entries for one in entry.metrics}
    rows = []
    for entry in entries:
        version, values = entry.version, {one.name: one.short for one in entry.metrics}
        rows.append(
            [
                str(version.version),
                version.approval
                + (", serving" if entry.serving else "")
                + (", deployment failed" if entry.deployment_failure else ""),
                entry.classes,
                entry.data,
                "" if entry.training_images is None else str(entry.training_images),
                version.created.astimezone().date().isoformat(),
                entry.report.decision_short if entry.report else "",
                *(values.get(name, "") for name in labels),
                version.note,
            ]
        )
    columns = [
        Column("version", right=True, whole=True),
        Column("approval", whole=True),
        Column("counts", whole=True),
        Column("data", optional=1),
        Column("images learned from", right=True, whole=True, optional=3),
        Column("registered", whole=True, optional=2),
        Column("decision", whole=True, optional=DECISION),
        *(
            # The first metric is always shown, the second longer than the decision.
            Column(one.label, right=True, whole=True, optional=at and DECISION + 2 * at - 3)
            for at, one in enumerate(labels.values())
        ),
        Column("note", optional=DECISION + 2 * len(labels)),
    ]
    used = [at for at in range(len(columns)) if at < 2 or any(row[at] for row in rows)]
    return FittedTable([columns[at] for at in used], [[row[at] for at in used] for row in rows])


def endpoint(described: Mapping[str, Any]) -> FittedTable:
    """An endpoint's state and settings."""
    rows = [
        (key.replace("_", " "), moment(value) if isinstance(value, datetime) else _plain(value))
        for key, value in described.items()
        if value not in ("", None, [])
    ]
    return FittedTable((Column("endpoint", whole=True), Column("")), rows)


def _named(value: str) -> str:
    """The name of what lies at an address; other values as they are."""
    return data_name(value) if value.startswith("s3://") else value


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
