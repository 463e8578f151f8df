"""The terminal: plain tables as wide as it is, an execution shown live, a failure explained.

Rich is imported in this folder only, so that verbs that print no table do not wait
for it.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines.display.formatting import duration, moment
from pipelines.executions.advice import Advice
from pipelines.executions.execution import SKIPPED, WAITING, Execution
from pipelines.executions.watch import LastWords, Look

# Where no line can be shown in place, a running step says so often at most how far it is; seconds.
SIGN_OF_LIFE = 60.0

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


def narrow() -> bool:
    """Whether tables should leave out what can be seen elsewhere."""
    return console().width < 110


def show(*parts: RenderableType) -> None:
    """Print to standard output, with an empty line between the parts."""
    out = console()
    for number, part in enumerate(parts):
        if number:
            out.print()
        # Sentences are wrapped between words; not what is copied, nor what another program reads.
        whole = isinstance(part, Text) and (part.no_wrap or not out.is_terminal)
        out.print(part, soft_wrap=whole)


def table(
    columns: Iterable[str],
    rows: Iterable[Iterable[str]],
    *,
    right: Iterable[str] = (),
    whole: Iterable[str] = (),
    one_line: bool = False,
) -> Table:
    """A plain table; words that SageMaker uses for statuses get their colour.

    Args:
        columns: The headings.
        rows: The cells, in the order of the columns.
        right: Columns of numbers, aligned on their right.
        whole: Columns whose cells are never wrapped.
        one_line: Cut what does not fit, rather than wrap it.
    """
    made = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="ellipsis" if one_line else "fold",
            no_wrap=one_line or column in whole,
        )
    for row in rows:
        made.add_row(*(Text(cell, style=STYLES.get(cell.split(",")[0], "")) for cell in row))
    return made


def steps(look: Look, *, one_line: bool = False) -> Table:
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
    columns = ("step", "type", "status", "duration", "detail")
    return table(columns, rows, right=["duration"], whole=columns[:4], one_line=one_line)


def headline(execution: Execution) -> Text:
    """The execution's id, status, beginning and duration in one line."""
    text = Text(f"{execution.pipeline} execution {execution.id}  ", no_wrap=True)
    text.append(execution.status, STYLES.get(execution.status, ""))
    text.append(f"  begun {moment(execution.started)}, {duration(execution.seconds)}", "dim")
    return text


def next_steps(advice: Advice) -> Text:
    """How things stand, and the commands to go on with."""
    commands = "".join(f"\n  {line}" for line in advice.lines())
    return Text(advice.sentence + commands, no_wrap=True)


def show_live(looks: Iterable[Look]) -> Look:
    """Show an execution as it goes on, in place on a terminal, else a line for each change.

    A running step's detail is such a change at most once a minute.
    """
    out = console()
    if not out.is_terminal:
        return _show_lines(looks)
    last = None
    with Live(console=out, refresh_per_second=4, transient=False) as live:
        for last in looks:
            # A line for each step while it changes, so that nothing jumps; all of it at the end.
            running = last.execution.running
            shown = steps(last, one_line=running)
            live.update(Group(headline(last.execution), Text(), shown))
    assert last is not None, "an execution is looked at at least once"
    out.print()
    return last


class _Said(NamedTuple):
    """The last line about a step; `when` is a monotonic clock's, in seconds."""

    status: str
    detail: str
    when: float


def _show_lines(looks: Iterable[Look]) -> Look:
    last = None
    said: dict[str, _Said] = {}
    for last in looks:
        for step in last.execution.steps:
            if step.status in (WAITING, SKIPPED):
                continue
            detail, now = last.details.get(step.name, ""), monotonic()
            before = said.get(step.name)
            if before is None or before.status != step.status:
                # What a step begins with is out of date before it is read.
                detail = detail if step.ended else ""
            else:
                news = step.status == "Executing" and detail not in ("", before.detail)
                if not news or now - before.when < SIGN_OF_LIFE:
                    continue
            said[step.name] = _Said(step.status, detail, now)
            took = f" in {duration(step.seconds)}" if step.ended else ""
            line = f"{datetime.now():%H:%M:%S} {step.name} ({step.type}) {step.status}{took}"
            print(f"{line}: {detail}" if detail else line, flush=True)
    assert last is not None, "an execution is looked at at least once"
    execution = last.execution
    print(f"Execution {execution.id} {execution.status} after {duration(execution.seconds)}\n")
    return last


@contextmanager
def waiting() -> Iterator[Callable[[str, float], None]]:
    """A function that says on standard error what is waited for, and for how many seconds.

    One line in place on a terminal; elsewhere a line whenever what is said changes.
    """
    err = Console(stderr=True, highlight=False)
    status = err.status("")
    last = ""

    def show(text: str, seconds: float) -> None:
        nonlocal last
        if err.is_terminal:
            status.update(f"{text}, {duration(seconds)}")
            status.start()
        elif text != last:
            err.print(Text(text), soft_wrap=True)
            last = text

    try:
        yield show
    finally:
        status.stop()


def show_failure(look: Look, words: Iterable[LastWords]) -> None:
    """Say on standard error why an execution did not succeed, and what its jobs wrote last."""
    execution = look.execution
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    err.print(Text(f"Execution {execution.id} {execution.status}.", STYLES["Failed"]))
    for step in execution.steps:
        if step.status == "Failed":
            err.print(Text(f"{step.name}: {look.details.get(step.name) or 'no reason given'}"))
    for said in words:
        err.print(Text(f"\nThe last lines of {said.step} (log {said.place}):", "bold"))
        err.print(Text("\n".join(f"  {line}" for line in said.lines) or "  (it wrote nothing)"))
