"""The terminal: parts printed below each other, an execution shown live, a failure explained.

Rich takes time to import: only this module, the tables and the report's commands load it.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.text import Text

from pipelines.display.formatting import STYLES, duration, moment
from pipelines.display.table import Column, FittedTable, folded
from pipelines.executions.advice import PROGRAM, Advice
from pipelines.executions.execution import SKIPPED, WAITING, Execution
from pipelines.executions.watch import LogEnding, Snapshot

# Where no line can be replaced, seconds between two lines about how far a running step is.
SIGN_OF_LIFE = 60.0


def console() -> Console:
    """Standard output; 200 columns wide if it is not a terminal, so that a pipe loses nothing."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def show(*parts: RenderableType) -> None:
    """Print to standard output, with an empty line between the parts."""
    out = console()
    for number, part in enumerate(parts):
        if number:
            out.print()
        # On a terminal sentences are folded between words; another program gets each on one line.
        # What is to be copied, such as a command, is never cut.
        if isinstance(part, Text) and out.is_terminal:
            part = folded(part, out.width)
        out.print(part, soft_wrap=isinstance(part, Text) and not out.is_terminal, crop=False)


def steps(snapshot: Snapshot, *, one_line: bool = False) -> FittedTable:
    """The steps of an execution: what each is doing or did."""
    rows = [
        (
            step.name,
            step.type,
            step.status,
            duration(step.seconds),
            snapshot.details.get(step.name, ""),
        )
        for step in snapshot.execution.steps
    ]
    columns = (
        Column("step", whole=True),
        Column("type", whole=True, optional=2),
        Column("status", whole=True),
        Column("duration", right=True, whole=True, optional=1),
        Column("detail", cut=one_line),
    )
    return FittedTable(columns, rows)


def headline(execution: Execution) -> Text:
    """The execution's id, status, start and duration in one line."""
    text = Text(f"{execution.pipeline} execution {execution.id}  ")
    text.append(execution.status, STYLES.get(execution.status, ""))
    text.append(f"  started {moment(execution.started)}, {duration(execution.seconds)}", "dim")
    return text


class NextSteps:
    """The state in a sentence, and the commands to continue with."""

    def __init__(self, advice: Advice) -> None:
        self.advice = advice

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The explanations beside the commands, or below them where there is no room."""
        sentence = Text(self.advice.sentence)
        if console.is_terminal:
            sentence = folded(sentence, options.max_width)
        else:
            sentence.overflow = "ignore"
        yield sentence
        lines = [f"  {line}" for line in self.advice.lines()]
        if max(map(len, lines)) > options.max_width:
            lines = [
                line
                for command, does in self.advice.commands
                for line in (f"  {PROGRAM} {command}", f"      # {does}")
            ]
        for line in lines:
            yield Text(line, no_wrap=True, overflow="ignore")


def show_live(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Show an execution while it runs: in place on a terminal, else a line for each change.

    A running step's detail counts as a change at most once a minute.
    """
    out = console()
    if not out.is_terminal:
        return _show_lines(snapshots)
    last = None
    with Live(console=out, refresh_per_second=4, transient=False) as live:
        for last in snapshots:
            parts = [headline(last.execution), Text(), *_now(last)]
            live.update(Group(*(folded(p, out.width) if isinstance(p, Text) else p for p in parts)))
    assert last is not None, "an execution is looked at at least once"
    out.print()
    return last


def _now(snapshot: Snapshot) -> list[RenderableType]:
    """The steps, and below them all that is known of those that run.

    In the table each step has one line while the execution runs, so that nothing jumps.
    """
    if not snapshot.execution.running:
        return [steps(snapshot)]
    running = {step.name for step in snapshot.execution.steps if step.status == "Executing"}
    ended = {name: text for name, text in snapshot.details.items() if name not in running}
    doing = [
        Text(f"{name}: {text}")
        for name, text in snapshot.details.items()
        if name in running and text
    ]
    return [steps(replace(snapshot, details=ended), one_line=True), Text(), *doing]


class _Line(NamedTuple):
    """The last line about a step; `when` is a monotonic clock's, in seconds."""

    status: str
    detail: str
    when: float


def _show_lines(snapshots: Iterable[Snapshot]) -> Snapshot:
    last = None
    printed: dict[str, _Line] = {}
    for last in snapshots:
        for step in last.execution.steps:
            if step.status in (WAITING, SKIPPED):
                continue
            detail, now = last.details.get(step.name, ""), monotonic()
            before = printed.get(step.name)
            if before is None or before.status != step.status:
                # The detail of a step that has just started is out of date before it is read.
                detail = detail if step.ended else ""
            else:
                news = step.status == "Executing" and detail not in ("", before.detail)
                if not news or now - before.when < SIGN_OF_LIFE:
                    continue
            printed[step.name] = _Line(step.status, detail, now)
            took = f" in {duration(step.seconds)}" if step.ended else ""
            line = f"{datetime.now():%H:%M:%S} {step.name} ({step.type}) {step.status}{took}"
            print(f"{line}: {detail}" if detail else line, flush=True)
    assert last is not None, "an execution is looked at at least once"
    execution = last.execution
    print(f"Execution {execution.id} {execution.status} after {duration(execution.seconds)}\n")
    return last


@contextmanager
def waiting() -> Iterator[Callable[[str, float], None]]:
    """A function that shows on standard error what is waited for, and for how many seconds.

    One line in place on a terminal; elsewhere a line whenever the text changes.
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


def show_failure(snapshot: Snapshot, endings: Iterable[LogEnding]) -> None:
    """Print to standard error why an execution failed, and the last lines of its jobs' logs."""
    execution = snapshot.execution
    err = Console(stderr=True, highlight=False)

    def show(text: str, style: str = "") -> None:
        line = Text(text, style)
        err.print(folded(line, err.width) if err.is_terminal else line, soft_wrap=True)

    show(f"Execution {execution.id} {execution.status}.", STYLES["Failed"])
    for step in execution.steps:
        if step.status == "Failed":
            show(f"{step.name}: {snapshot.details.get(step.name) or 'no reason given'}")
    for ending in endings:
        show(f"\nThe last lines of {ending.step} (log {ending.log}):", "bold")
        lines = "\n".join(f"  {line}" for line in ending.lines) or "  (it wrote nothing)"
        err.print(Text(lines), soft_wrap=True)
