"""What the reading verbs show: results, executions, model versions, the endpoint, its answers."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.display.formatting import duration, moment, short
from pipelines.display.terminal import STYLES, headline, narrow, next_steps, steps, table
from pipelines.executions.advice import advise
from pipelines.executions.execution import Execution
from pipelines.executions.figures import metric_rows, sentence, verification
from pipelines.executions.outcome import Outcome
from pipelines.executions.watch import Look
from pipelines.parameters import Parameter
from pipelines.scoring.scores import LOW_CONFIDENCE, Scores
from pipelines.serving.comparison import METRICS as COMPARED
from pipelines.serving.comparison import Compared
from pipelines.serving.prediction import Prediction

# Of a narrow terminal's list of models; `models --json` and a wide one have the others and notes.
FEW = ("accuracy", "within one")
# What SageMaker calls an execution that nobody has named.
NO_NAME = re.compile("execution-[0-9]+")


def status(look: Look, outcome: Outcome) -> list[RenderableType]:
    """Everything `status` shows of an execution."""
    execution = look.execution
    parts: list[RenderableType] = [headline(execution)]
    if execution.failure:
        parts.append(Text(f"Failed because: {execution.failure}", STYLES["Failed"]))
    return [*parts, steps(look), *results(execution, outcome)]


def results(execution: Execution, outcome: Outcome) -> list[RenderableType]:
    """What came out of an execution, and what to do next."""
    parts: list[RenderableType] = []
    if outcome.trials:
        parts.append(trials(outcome))
    if outcome.evaluation:
        parts += [metrics(outcome.evaluation), Text(sentence(outcome.evaluation), "bold")]
        if said := verification(outcome.evaluation):
            parts.append(Text(said))
    if outcome.debug_rules:
        parts.append(rules(outcome.debug_rules))
    return [*parts, next_steps(advise(execution, outcome))]


def trials(outcome: Outcome) -> Table:
    """The trials by their numbers, the best one marked; `status --json` has their jobs' names."""
    names = sorted({name for trial in outcome.trials for name in trial.hyperparameters})
    objective = next((trial.metric for trial in outcome.trials if trial.metric), "objective")
    objective = objective.replace(":", " ")
    all_well = all(trial.status == "Completed" for trial in outcome.trials)
    rows = [
        [
            str(number),
            *(short(trial.hyperparameters.get(name, "")) for name in names),
            "" if trial.objective is None else f"{trial.objective:.3f}",
            duration(trial.seconds),
            "best" if trial.best else "",
            *([] if all_well else [trial.status, trial.failure]),
        ]
        for number, trial in enumerate(outcome.trials, 1)
    ]
    numbers = ["trial", *names, objective, "duration"]
    more = [] if all_well else ["status", "failure"]
    return table([*numbers, "", *more], rows, right=numbers, whole=["duration", "", "status"])


def metrics(evaluation: Mapping[str, Any]) -> Table:
    """The test metrics, each with its standard deviation, interval and what it compares with."""
    columns, found = metric_rows(evaluation)
    return table(columns, found, whole=columns[:-1])


def rules(verdicts: Iterable[Mapping[str, Any]]) -> Table:
    """The debug rules' verdicts."""
    rows = [(str(v["rule"]), str(v["status"]), str(v.get("reason", ""))) for v in verdicts]
    columns = ("debug rule", "verdict", "reason")
    return table(columns, rows, whole=columns[:2])


def parameters(declared: Iterable[Parameter]) -> Table:
    """The parameters of the pipeline."""
    rows = []
    for one in declared:
        allowed = f" Allowed: {one.allowed}." if one.allowed else ""
        rows.append((one.name, short(str(one.default)), one.help + allowed))
    columns = ("parameter", "default", "what it is, and what is allowed")
    return table(columns, rows, whole=columns[:1])


def executions(summaries: Iterable[Mapping[str, Any]]) -> Table:
    """The executions of a pipeline."""
    rows = []
    for summary in summaries:
        begun, status = summary["StartTime"], summary["PipelineExecutionStatus"]
        identity = str(summary["PipelineExecutionArn"]).rpartition("/")[2]
        name = summary.get("PipelineExecutionDisplayName", "")
        reason = summary.get("PipelineExecutionFailureReason", "")
        given = "" if NO_NAME.fullmatch(name) else name
        rows.append([identity, given, status, moment(begun), reason])
    columns = ["execution", "name", "status", "begun", "failure"]
    if not any(row[1] for row in rows):
        columns, rows = columns[:1] + columns[2:], [row[:1] + row[2:] for row in rows]
    return table(columns, rows, whole=["execution", "status", "begun"])


def models(compared: Iterable[Compared]) -> Table:
    """Model versions side by side."""
    entries = list(compared)
    names = [name for name in COMPARED if any(name in entry.metrics for entry in entries)]
    notes = any(entry.version.note for entry in entries) and not narrow()
    if narrow():
        names = [name for name in names if name in FEW]
    rows = [
        [
            str(entry.version.version),
            entry.version.approval + (", serving" if entry.serving else ""),
            moment(entry.version.created, seconds=False),
            *(f"{entry.metrics[n]:.3f}" if n in entry.metrics else "" for n in names),
            *([entry.version.note] if notes else []),
        ]
        for entry in entries
    ]
    figures = ["version", "approval", "registered", *names]
    columns = [*figures, "note"] if notes else figures
    return table(columns, rows, right=["version", *names], whole=figures)


def endpoint(found: Mapping[str, Any]) -> Table:
    """An endpoint's state and settings."""
    rows = [
        (key.replace("_", " "), moment(value) if isinstance(value, datetime) else _plain(value))
        for key, value in found.items()
        if value not in ("", None, [])
    ]
    return table(("endpoint", ""), rows, whole=["endpoint"])


def predictions(answers: Iterable[Prediction]) -> Table:
    """The counts that the endpoint answered."""
    answers = list(answers)
    expected = any("match" in prediction.answer for prediction in answers)
    rows = []
    for prediction in answers:
        answer = prediction.answer
        every = answer.get("probabilities", {}).items()
        shares = "  ".join(f"{count}: {share:.0%}" for count, share in every)
        row = [prediction.path, str(answer["count"]), f"{answer['confidence']:.0%}"]
        rows.append([*row, *([_match(answer)] if expected else []), shares])
    middle = ["expected"] if expected else []
    columns = ["image", "count", "confidence", *middle, "probability of each count"]
    return table(columns, rows, right=["count", "confidence"], whole=["count", "confidence"])


def scores(scored: Scores) -> Table:
    """How many images show so many items, and how many of those answers are unsure."""
    rows = []
    for count, images in scored.counts.items():
        of_count = [a for a in scored.answers.values() if a["count"] == count]
        unsure = sum(a["confidence"] < LOW_CONFIDENCE for a in of_count)
        row = [str(count), str(images), f"{images / len(scored.answers):.0%}", str(unsure)]
        rows.append(row)
    columns = ["items counted", "images", "share", f"unsure (below {LOW_CONFIDENCE:.0%})"]
    return table(columns, rows, right=columns)


def _match(answer: Mapping[str, Any]) -> str:
    yes = "matches" if answer["match"] else "does not match"
    return f"{answer['expected_quantity']} {yes} ({answer['match_confidence']:.0%})"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
