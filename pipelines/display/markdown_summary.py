"""An execution in Markdown, for the job summary of a workflow or a pull request."""

from collections.abc import Iterable

from pipelines.display.formatting import duration, short
from pipelines.executions.advice import advise
from pipelines.executions.approved import BesideApproved
from pipelines.executions.outcome import Outcome
from pipelines.executions.watch import Snapshot
from pipelines.side_by_side import UNKNOWN

# Before a status, so that a reader finds failures at a glance.
MARKS = {
    "Succeeded": "✅",
    "Failed": "❌",
    "Stopped": "⏹️",
    "Executing": "⏳",
    "Stopping": "⏳",
    "NoIssuesFound": "✅",
    "IssuesFound": "⚠️",
}


def render(snapshot: Snapshot, outcome: Outcome, approved: BesideApproved | None = None) -> str:
    """The execution, its steps, metrics, debug rules and model version.

    Args:
        snapshot: The execution.
        outcome: Its results.
        approved: The approved version beside it; None where none was compared with it.
    """
    execution, report = snapshot.execution, outcome.evaluation
    head = f"{execution.pipeline} execution `{execution.id}`: {execution.status}"
    parts = [f"## {MARKS.get(execution.status, '')} {head} in {duration(execution.seconds)}"]
    if execution.failure:
        parts.append(f"**Failed because:** {execution.failure}")
    parts += [
        f"**{step.name}:** {snapshot.details.get(step.name) or 'no reason given'}"
        for step in execution.steps
        if step.status == "Failed"
    ]
    if report and report.decision:
        parts.append(f"**{report.decision}**")
    if report and report.headline:
        parts.append(report.headline)
    advice = advise(execution, outcome)
    parts += [advice.sentence, "\n".join(["```", *advice.lines(), "```"])]
    if report:
        parts.append(_table(*report.rows()))
    if approved:
        compared = approved.metrics()
        rows = [(row.label, *(value or UNKNOWN for value in row.values)) for row in compared.rows]
        parts.append(f"### Beside approved version {approved.version}\n\n{approved.sentence}")
        parts.append(_table(("test metric", *compared.headings), rows))
    if best := outcome.best_trial:
        chosen = ", ".join(f"{k} {short(v)}" for k, v in best.hyperparameters.items())
        parts.append(f"**Best of {len(outcome.trials)} trials:** {chosen}")
    steps = [
        (
            step.name,
            step.type,
            _marked(step.status),
            duration(step.seconds),
            snapshot.details.get(step.name, ""),
        )
        for step in execution.steps
    ]
    parts.append(_folded("Steps", _table(("step", "type", "status", "duration", "detail"), steps)))
    if outcome.debug_rules:
        verdicts = [
            (v.get("rule", ""), _marked(v.get("status", "")), v.get("reason", ""))
            for v in outcome.debug_rules
        ]
        issues = sum(v.get("status") == "IssuesFound" for v in outcome.debug_rules)
        title = f"Debug rules: {issues or 'no'} {'issue' if issues == 1 else 'issues'} found"
        parts.append(_folded(title, _table(("debug rule", "verdict", "reason"), verdicts)))
    if outcome.version:
        parts.append(f"Model package `{outcome.version.arn}`")
    return "\n\n".join(parts)


def _marked(status: str) -> str:
    return f"{MARKS.get(status, '')} {status}".strip()


def _folded(title: str, table: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{table}\n\n</details>"


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
