"""The fields that CloudWatch Logs Insights finds in an event.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
lists them: the members of a JSON object by their paths, and what Lambda logs of an invocation.
"""

import re
from collections.abc import Iterator
from typing import Any

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.services.logs.insights.values import Row, Time, Value

_MOST = 200  # fields of one event, as AWS
_TYPE = re.compile(r"(START|END|REPORT) RequestId: (\S+)")
_MEASURED = re.compile(
    r"\t(Billed Duration|Duration|Memory Size|Max Memory Used): ([\d.]+) (ms|MB)"
)
_NAMES = {
    "Duration": "@duration",
    "Billed Duration": "@billedDuration",
    "Memory Size": "@memorySize",
    "Max Memory Used": "@maxMemoryUsed",
}


def row_of(message: str, when: Time, ingested: Time, stream: str, log: str, pointer: str) -> Row:
    """An event as a row.

    Args:
        message: its text.
        when: its time.
        ingested: when it was written.
        stream: the name of its stream.
        log: `ACCOUNT:GROUP`.
        pointer: for GetLogRecord.
    """
    row: Row = {
        "@timestamp": when,
        "@message": message,
        "@ingestionTime": ingested,
        "@logStream": stream,
        "@log": log,
        "@ptr": pointer,
    }
    if match := _TYPE.match(message):
        row["@type"], row["@requestId"] = match[1], match[2]
        for name, amount, unit in _MEASURED.findall(message):
            row[_NAMES[name]] = float(amount) * (1_000_000 if unit == "MB" else 1)
    elif message.lstrip().startswith("{"):
        for name, value in _members(message):
            if len(row) >= _MOST:
                break
            row.setdefault(name, value)
    return row


def _members(message: str) -> Iterator[tuple[str, Value]]:
    try:
        document = json_text.loads(message)
    except ValueError:
        return
    yield from _flat(document, "")


def _flat(value: Any, path: str) -> Iterator[tuple[str, Value]]:
    match value:
        case dict():
            for name, item in value.items():
                yield from _flat(item, f"{path}.{name}" if path else name)
        case list():
            for place, item in enumerate(value):
                yield from _flat(item, f"{path}.{place}")
        case None:
            return
        case bool():
            yield path, int(value)
        case _:
            yield path, value
