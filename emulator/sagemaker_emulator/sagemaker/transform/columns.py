"""The columns of a transform job's CSV: which are sent, and which are kept beside the responses.

Contract: SageMaker developer guide, "Associate Prediction Results with Input Records". A row of CSV
is an array; of JSONPath it has use for fields by number and for slices.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ALL = "$"
_PATH = re.compile(
    r"\$(\[((?P<start>-?\d+)?:(?P<end>-?\d+)?|(?P<numbers>-?\d+(\s*,\s*-?\d+)*))\])?"
)
Row = list[str]


@dataclass(frozen=True)
class DataProcessing:
    """How each request and its response are changed.

    Attributes:
        sent: the path of the columns that the container gets.
        kept: the path of the columns, joined ones included, that are written.
        joined: whether each response follows its input.
    """

    sent: str = ALL
    kept: str = ALL
    joined: bool = False

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "DataProcessing":
        """The DataProcessing of a CreateTransformJob request."""
        config = request.get("DataProcessing") or {}
        return cls(
            config.get("InputFilter") or ALL,
            config.get("OutputFilter") or ALL,
            config.get("JoinSource") == "Input",
        )

    @property
    def _as_answered(self) -> bool:
        return not self.joined and self.kept == ALL

    def problem(self, request: Mapping[str, Any]) -> str:
        """Why it cannot be done here, or an empty string."""
        if self == DataProcessing():
            return ""
        source = request["TransformInput"]
        csv_lines = source.get("ContentType", "").partition(";")[0].strip() == "text/csv"
        if not csv_lines or source.get("SplitType") != "Line":
            return (
                "DataProcessing: the emulator filters and joins the lines of CSV; TransformInput "
                "needs the ContentType text/csv and the SplitType Line."
            )
        if not self._as_answered and request["TransformOutput"].get("AssembleWith") != "Line":
            return "DataProcessing: to join or filter responses, AssembleWith must be Line."
        for member, path in (("InputFilter", self.sent), ("OutputFilter", self.kept)):
            if not _PATH.fullmatch(path):
                return (
                    f"DataProcessing.{member} is {path!r}; of a line of CSV the emulator takes "
                    "fields by number and slices: $, $[0], $[0,-1], $[1:]."
                )
        return ""

    def request(self, lines: bytes) -> bytes:
        """What is sent of some lines.

        Raises:
            ValueError: a line is not CSV, or lacks a requested column.
        """
        return lines if self.sent == ALL else _csv(_pick(self.sent, row) for row in _rows(lines))

    def result(self, lines: bytes, response: bytes) -> bytes:
        """The output for some lines, from the response to them.

        Raises:
            ValueError: there are not as many responses as lines, or a column is not there.
        """
        if self._as_answered:
            return response
        rows = _rows(response)
        if self.joined:
            inputs = _rows(lines)
            if len(inputs) != len(rows):
                raise ValueError(f"{len(inputs)} lines cannot be joined with {len(rows)} responses")
            rows = [one + other for one, other in zip(inputs, rows, strict=True)]
        return _csv(_pick(self.kept, row) for row in rows)


def _pick(path: str, row: Row) -> Row:
    match = _PATH.fullmatch(path)
    assert match is not None  # `problem` has checked
    if match["numbers"] is None:
        start, end = (None if part is None else int(part) for part in match.group("start", "end"))
        return row[start:end]
    numbers = [int(number) for number in match["numbers"].split(",")]
    if missing := [number for number in numbers if not -len(row) <= number < len(row)]:
        raise ValueError(f"{path}: a line with {len(row)} columns has no column {missing[0]}")
    return [row[number] for number in numbers]


# A byte is a character here, so that every byte comes back whatever the encoding.


def _rows(text: bytes) -> list[Row]:
    try:
        return list(csv.reader(io.StringIO(text.decode("latin-1"), newline="")))
    except csv.Error as error:
        raise ValueError(f"a line is not CSV: {error}") from None


def _csv(rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("latin-1")
