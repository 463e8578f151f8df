"""Durations, times, numbers and statuses as a person reads them."""

import re
from datetime import datetime

from pipelines.display.folding import fold

STATUSES = {
    "green": "Succeeded Completed InService Approved NoIssuesFound PASS",
    "bold red": "Failed",
    "red": "Rejected",
    "bold yellow": "IssuesFound LOOK",
    "cyan": "Executing Starting Creating Updating InProgress",
    "yellow": "PendingManualApproval Stopping Stopped",
    "dim": "Waiting Skipped NotApplicable",
}
STYLES = {status: style for style, statuses in STATUSES.items() for status in statuses.split()}


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`; "" for None."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(when: datetime, *, seconds: bool = True) -> str:
    """A time in the person's own time zone, to the second or the minute."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def short(text: str) -> str:
    """A number with at most four significant digits; other text as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    return text if number.is_integer() else f"{number:.4g}"


COMMAND = re.compile(r" +(python|source|cd|git|docker|make) ")
BESIDE = re.compile(r" *\S+  +(?=\S)")  # a name, and what is explained beside it


def wrap(text: str, width: int) -> str:
    """Sentences broken between words; commands, which are indented, stay whole."""
    return "\n".join(
        line if COMMAND.match(line) else _wrapped(line, width) for line in text.splitlines()
    )


def _wrapped(line: str, width: int) -> str:
    """A line folded; what is explained beside a name stays beside it."""
    beside = BESIDE.match(line)
    indent = beside.end() if beside else len(line) - len(line.lstrip())
    if indent > width // 2:
        indent = 0
    first, *others = fold(line[indent:], width - indent).split("\n")
    return "\n".join([line[:indent] + first, *(" " * indent + other for other in others)])
