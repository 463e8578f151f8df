"""An execution in Markdown: for the job summary of a workflow, or a pull request."""

from collections.abc import Iterable

from pipelines.figures import METRICS, value_of
from pipelines.outcome import Outcome
from pipelines.terminal import duration, short
from pipelines.watch import Look


def markdown(look: Look, outcome: Outcome) -> str:
    """The execution, its steps, metrics, debug rules and what waits for approval.

    Args:
        look: The execution as it is now.
        outcome: What it found out.
    """
    execution = look.execution
    mark = "✅" if execution.status == "Succeeded" else "❌" if not execution.running else "⏳"
    parts = [f"## {mark} {execution.pipeline} execution `{execution.id}`: {execution.status}"]
    if execution.failure:
        parts.append(f"**Failed because:** {execution.failure}")
    if outcome.model_package_arn:
        version = outcome.model_package_arn.rpartition("/")[2]
        parts.append(
            f"**Model version {version} was registered** (`{outcome.model_package_arn}`).\n\n"
            f"`python pipeline.py models` says whether it waits for approval; "
            f"`python pipeline.py approve {version}` approves and deploys it."
        )
    found = {name: value_of(outcome.evaluation, name) for name in METRICS}
    values = [(name, f"{value:.3f}") for name, value in found.items() if value is not None]
    if values:
        parts.append(_table(("test metric", "value"), values))
    if best := outcome.best_trial:
        chosen = ", ".join(f"{k} {short(v)}" for k, v in best.hyperparameters.items())
        parts.append(f"**Best of {len(outcome.trials)} trials:** {chosen}")
    steps = [
        (s.name, s.type, s.status, duration(s.seconds), look.details.get(s.name, ""))
        for s in execution.steps
    ]
    parts.append(_table(("step", "type", "status", "duration", "detail"), steps))
    if outcome.debug_rules:
        verdicts = [
            (str(v["rule"]), str(v["status"]), str(v.get("reason", "")))
            for v in outcome.debug_rules
        ]
        parts.append(_table(("debug rule", "verdict", "reason"), verdicts))
    return "\n\n".join(parts)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
