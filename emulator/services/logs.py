"""CloudWatch Logs: a folder for each group, a file of JSON lines for each stream."""

import json
import threading
from pathlib import Path
from urllib.parse import quote

from emulator.services import Context

_lock = threading.Lock()


def path_of(context: Context, group: str, stream: str) -> Path:
    """The file of a log stream: one `[epoch seconds, message]` to a line."""
    return context.state / "logs" / quote(group, safe="") / f"{quote(stream, safe='')}.jsonl"


def append(context: Context, group: str, stream: str, events: list[tuple[float, str]]) -> None:
    """Add (epoch seconds, message) to a stream, which is made when missing."""
    path = path_of(context, group, stream)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps([round(when, 3), line])}\n" for when, line in events)
    with _lock, path.open("a", encoding="utf-8") as file:
        file.write(text)
