"""An execution in Markdown: for the job summary of a workflow, or a pull request."""

from collections.abc import Iterable

from pipelines.display.formatting import duration, short
from pipelines.executions.advice import advise
from pipelines.executions.figures import metric_rows, sentence, verification
from pipelines.executions.outcome import Outcome
from pipelines.executions.watch import Look

# Beside a word, because a page of words is read by its marks.
MARKS = {
    "Succeeded": "✅",
    "Failed": "❌",
    "Stopped": "⏹️",
    "Executing": "⏳",
    "Stopping": "⏳",
    "NoIssuesFound": "✅",
    "IssuesFound": "⚠️",
}


def render(look: Look, outcome: Outcome) -> str:
    """The execution, its steps, metrics, debug rules and what waits for approval.

    Args:
        look: The execution as it is now.
        outcome: What it found out.
    """
    execution = look.execution
    head = f"{execution.pipeline} execution `{execution.id}`: {execution.status}"
    parts = [f"## {MARKS.get(execution.status, '')} {head} in {duration(execution.seconds)}"]
    if execution.failure:
        parts.append(f"**Failed because:** {execution.failure}")
    parts += [
        f"**{step.name}:** {look.details.get(step.name) or 'no reason given'}"
        for step in execution.steps
        if step.status == "Failed"
    ]
    if said := sentence(outcome.evaluation):
        parts.append(f"**{said}**")
    if passed := verification(outcome.evaluation):
        parts.append(passed)
    advice = advise(execution, outcome)
    parts.append(advice.sentence)
    parts.append("\n".join(["```", *advice.lines(), "```"]))
    if outcome.evaluation:
        parts.append(_table(*metric_rows(outcome.evaluation)))
    if best := outcome.best_trial:
        chosen = ", ".join(f"{k} {short(v)}" for k, v in best.hyperparameters.items())
        parts.append(f"**Best of {len(outcome.trials)} trials:** {chosen}")
    steps = [
        (
            step.name,
            step.type,
            _marked(step.status),
            duration(step.seconds),
            look.details.get(step.name, ""),
        )
        for step in execution.steps
    ]
    parts.append(_folded("Steps", _table(("step", "type", "status", "duration", "detail"), steps)))
    if outcome.debug_rules:
        verdicts = [
            (str(v["rule"]), _marked(str(v["status"])), str(v.get("reason", "")))
            for v in outcome.debug_rules
        ]
        issues = sum(v["status"] == "IssuesFound" for v in outcome.debug_rules)
        title = f"Debug rules: {issues or 'no'} {'issue' if issues == 1 else 'issues'} found"
        parts.append(_folded(title, _table(("debug rule", "verdict", "reason"), verdicts)))
    if outcome.version:
        parts.append(f"Model package `{outcome.version.arn}`")
    return "\n\n".join(parts)


def _marked(word: str) -> str:
    return f"{MARKS.get(word, '')} {word}".strip()


def _folded(title: str, table: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{table}\n\n</details>"


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
