"""Values as a person reads them in a terminal: tables, durations, an execution shown live.

Rich is imported here and nowhere else, so that verbs that print no table do not wait for it.
"""

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from model_registry.comparison import Compared
from model_registry.prediction import Prediction
from pipelines.execution import SKIPPED, WAITING, Execution
from pipelines.figures import METRICS, value_of
from pipelines.outcome import Outcome
from pipelines.watch import LastWords, Look

STYLES = {
    "Succeeded": "green",
    "Completed": "green",
    "InService": "green",
    "Approved": "green",
    "NoIssuesFound": "green",
    "Failed": "bold red",
    "Rejected": "red",
    "IssuesFound": "bold yellow",
    "Executing": "cyan",
    "Starting": "cyan",
    "Creating": "cyan",
    "Updating": "cyan",
    "InProgress": "cyan",
    "PendingManualApproval": "yellow",
    "Stopping": "yellow",
    "Stopped": "yellow",
    WAITING: "dim",
    SKIPPED: "dim",
    "NotApplicable": "dim",
}


def console() -> Console:
    """Standard output; wide when it is not a terminal, so that nothing is cut in a pipe."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`; "" for None."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(when: datetime) -> str:
    """A time in the person's own time zone, to the second."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def table(columns: Iterable[str], rows: Iterable[Iterable[str]], title: str = "") -> Table:
    """A plain table; words that SageMaker uses for statuses get their colour."""
    made = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in RIGHT else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return made


RIGHT = ("duration", "objective", "value", *METRICS)


def steps(look: Look) -> Table:
    """The steps of an execution: what each is doing or did."""
    rows = [
        (
            step.name,
            step.type,
            step.status,
            duration(step.seconds),
            look.details.get(step.name, ""),
        )
        for step in look.execution.steps
    ]
    return table(("step", "type", "status", "duration", "detail"), rows)


def headline(execution: Execution) -> Text:
    """The execution's id, status, beginning and duration in one line."""
    text = Text(f"{execution.pipeline} execution {execution.id}  ")
    text.append(execution.status, STYLES.get(execution.status, ""))
    text.append(f"  begun {moment(execution.started)}, {duration(execution.seconds)}", "dim")
    return text


def show_live(looks: Iterable[Look]) -> Look:
    """Show an execution as it goes on, in place on a terminal, else a line for each change."""
    out = console()
    if not out.is_terminal:
        return _show_lines(looks, out)
    last = None
    with Live(console=out, refresh_per_second=4, transient=False) as live:
        for last in looks:
            live.update(Group(headline(last.execution), steps(last)))
    assert last is not None, "an execution is looked at at least once"
    return last


def _show_lines(looks: Iterable[Look], out: Console) -> Look:
    last = None
    seen: dict[str, str] = {}
    for last in looks:
        for step in last.execution.steps:
            if step.status in (WAITING, SKIPPED) or seen.get(step.name) == step.status:
                continue
            seen[step.name] = step.status
            took = f" in {duration(step.seconds)}" if step.ended else ""
            # A running step's detail is out of date before it is read, so only an end shows one.
            detail = last.details.get(step.name, "") if step.ended else ""
            now = datetime.now().strftime("%H:%M:%S")
            line = f"{now} {step.name} ({step.type}) {step.status}{took}"
            print(f"{line}: {detail}" if detail else line, flush=True)
    assert last is not None, "an execution is looked at at least once"
    execution = last.execution
    print(f"Execution {execution.id} {execution.status} after {duration(execution.seconds)}")
    return last


def status(look: Look, outcome: Outcome) -> RenderableType:
    """Everything `status` shows of an execution."""
    execution = look.execution
    parts: list[RenderableType] = [headline(execution)]
    if execution.failure:
        parts.append(Text(f"Failed because: {execution.failure}", STYLES["Failed"]))
    parts.append(steps(look))
    parts.append(results(outcome))
    return Group(*parts)


def trials(outcome: Outcome) -> Table:
    """The trials, the best one marked."""
    names = sorted({name for trial in outcome.trials for name in trial.hyperparameters})
    rows = [
        (
            "best" if trial.best else "",
            trial.name,
            trial.status,
            *(short(trial.hyperparameters.get(name, "")) for name in names),
            "" if trial.objective is None else f"{trial.objective:.3f}",
            duration(trial.seconds),
        )
        for trial in outcome.trials
    ]
    metric = next((trial.metric for trial in outcome.trials if trial.metric), "objective")
    return table(("", "trial", "status", *names, metric, "duration"), rows)


def metrics(evaluation: Mapping[str, Any]) -> Table:
    """The test metrics."""
    found = [(name, value_of(evaluation, name)) for name in METRICS]
    rows = [(name, f"{value:.3f}") for name, value in found if value is not None]
    return table(("test metric", "value"), rows)


def rules(verdicts: Iterable[Mapping[str, Any]]) -> Table:
    """The debug rules' verdicts."""
    rows = [(str(v["rule"]), str(v["status"]), str(v.get("reason", ""))) for v in verdicts]
    return table(("debug rule", "verdict", "reason"), rows)


def short(text: str) -> str:
    """A number without the digits that nobody reads; other text as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    return text if number == int(number) else f"{number:.4g}"


def show(*parts: RenderableType) -> None:
    """Print to standard output."""
    console().print(*parts, sep="\n")


def executions(summaries: Iterable[Mapping[str, Any]]) -> Table:
    """The executions of a pipeline."""
    rows = []
    for summary in summaries:
        begun, status = summary["StartTime"], summary["PipelineExecutionStatus"]
        identity = str(summary["PipelineExecutionArn"]).rpartition("/")[2]
        reason = summary.get("PipelineExecutionFailureReason", "")
        rows.append((identity, status, moment(begun), reason))
    return table(("execution", "status", "begun", "failure"), rows)


def results(outcome: Outcome) -> RenderableType:
    """What came out of an execution, for its end."""
    parts: list[RenderableType] = []
    if outcome.trials:
        parts.append(trials(outcome))
    if outcome.evaluation:
        parts.append(metrics(outcome.evaluation))
    if outcome.debug_rules:
        parts.append(rules(outcome.debug_rules))
    if outcome.model_package_arn:
        version = outcome.model_package_arn.rpartition("/")[2]
        parts.append(
            Text(
                f"Model version {version} is registered.\n"
                "  python pipeline.py models     lists the versions\n"
                f"  python pipeline.py approve    approves version {version} and so deploys it\n"
                "  python pipeline.py report     writes all of it, with pictures, to one HTML file"
            )
        )
    return Group(*parts)


def show_failure(look: Look, words: Iterable[LastWords]) -> None:
    """Say on standard error why an execution did not succeed, and what its jobs wrote last."""
    execution = look.execution
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    err.print(Text(f"Execution {execution.id} {execution.status}.", STYLES["Failed"]))
    for step in execution.steps:
        if step.status == "Failed":
            err.print(Text(f"{step.name}: {look.details.get(step.name) or 'no reason given'}"))
    for said in words:
        err.print(Text(f"The last lines of {said.step} (log {said.place}):", "bold"))
        err.print(Text("\n".join(f"  {line}" for line in said.lines) or "  (it wrote nothing)"))
        err.print(Text(f"All of it: python pipeline.py logs {said.step} {execution.id}"))
    err.print(Text(f"After mending it: python pipeline.py retry {execution.id}"))


def models(compared: Iterable[Compared]) -> Table:
    """Model versions side by side."""
    entries = list(compared)
    names = [name for name in METRICS if any(name in entry.metrics for entry in entries)]
    rows = [
        (
            str(entry.version.version),
            entry.version.approval,
            "serving" if entry.serving else "",
            moment(entry.version.created),
            *(f"{entry.metrics[n]:.3f}" if n in entry.metrics else "" for n in names),
            entry.version.note,
        )
        for entry in entries
    ]
    return table(("version", "approval", "endpoint", "registered", *names, "note"), rows)


def endpoint(found: Mapping[str, Any]) -> Table:
    """An endpoint's state and settings."""
    rows = [
        (key.replace("_", " "), moment(value) if isinstance(value, datetime) else _plain(value))
        for key, value in found.items()
        if value not in ("", None, [])
    ]
    return table(("endpoint", ""), rows)


def predictions(answers: Iterable[Prediction]) -> Table:
    """The counts that the endpoint answered."""
    rows = []
    expected = False
    for prediction in answers:
        answer = prediction.answer
        match = ""
        if "match" in answer:
            expected = True
            yes = "matches" if answer["match"] else "does not match"
            match = f"{answer['expected_quantity']} {yes} ({answer['match_confidence']:.0%})"
        every = answer.get("probabilities", {}).items()
        shares = "  ".join(f"{count}: {share:.0%}" for count, share in every)
        rows.append(
            (prediction.path, str(answer["count"]), f"{answer['confidence']:.0%}", match, shares)
        )
    columns = ["image", "count", "confidence", "expected", "probability of each count"]
    if not expected:
        columns.remove("expected")
        return table(columns, [(*row[:3], row[4]) for row in rows])
    return table(columns, rows)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
