"""What a model's quality is: the numbers of a statistics document in SageMaker's form, or any JSON.

The form is that of SageMaker Model Monitor's model quality statistics: metrics with `value` and
`standard_deviation` in groups such as `multiclass_classification_metrics`, confusion matrices and
curves. An interval is shown where a metric has `low` and `high`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_FIGURES = 80
_MOST_CLASSES = 60
_DEEPEST = 4
# The groups of SageMaker's form; a document's others are shown closed.
_KNOWN = (
    "binary_classification_metrics",
    "multiclass_classification_metrics",
    "regression_metrics",
)
_BOUNDS = (("low", "high"), ("lower", "upper"), ("lower_bound", "upper_bound"))
# A curve's name with the lists of its horizontal and its vertical values.
_CURVES = {
    "receiver_operating_characteristic_curve": ("false_positive_rates", "true_positive_rates"),
    "precision_recall_curve": ("recalls", "precisions"),
}


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        name: The keys that lead to it.
        value: The number.
        deviation: Its standard deviation; None where the document has none.
        low: The lower end of its interval; None where the document has none.
        high: The upper end.
        note: What the document says of it.
    """

    name: str
    value: float
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """Numbers that are drawn, and shown as a table beside it.

    Attributes:
        kind: A kind of charts.js.
        title: What it shows.
        data: What charts.js draws.
        heads: The headings of the table.
        rows: The table.
    """

    kind: str
    title: str
    data: Mapping[str, Any]
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass
class Group:
    """The numbers below one key of the document.

    Attributes:
        title: The key.
        is_known: Whether it is of SageMaker's form.
        figures: Its numbers.
        grids: Its tables, such as the precision of each class.
        left_out: How many numbers are not among them.
    """

    title: str
    is_known: bool
    figures: list[Figure] = field(default_factory=list)
    grids: list[Chart] = field(default_factory=list)
    left_out: int = 0

    @property
    def has(self) -> dict[str, bool]:
        """Which columns the table of the numbers needs."""
        return {
            "deviation": any(each.deviation is not None for each in self.figures),
            "interval": any(each.low is not None for each in self.figures),
            "note": any(each.note for each in self.figures),
        }


@dataclass
class Statistics:
    """What a page shows of a document."""

    groups: list[Group] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)


def read(document: object) -> Statistics:
    """The numbers of a document, in its order; what is no number is left out."""
    found = Statistics()
    if not isinstance(document, Mapping):
        return found
    top = {key: value for key, value in document.items() if not isinstance(value, Mapping)}
    parts = {"figures": top} if top else {}
    parts |= {key: value for key, value in document.items() if isinstance(value, Mapping)}
    for key, value in parts.items():
        group = Group(_words(key), key in _KNOWN)
        for figure in _figures("", value, group, found.charts, 0):
            if len(group.figures) < MOST_FIGURES:
                group.figures.append(figure)
            else:
                group.left_out += 1
        if group.figures or group.grids:
            found.groups.append(group)
    return found


def _figures(
    path: str, value: Any, group: Group, charts: list[Chart], depth: int
) -> Iterator[Figure]:
    """The numbers below a key; what is a chart or a table is added to those."""
    if (number := _number(value)) is not None:
        yield Figure(path, number)
    elif depth > _DEEPEST:
        return
    elif isinstance(value, Mapping):
        if (number := _number(value.get("value"))) is not None:
            yield _figure(path, number, value)
        elif (grid := _grid(path, value)) is not None:
            group.grids.append(grid)
        else:
            for key, item in value.items():
                below = f"{path} · {_words(key)}" if path else _words(key)
                chart = _chart(str(key), f"{group.title}: {below}", item)
                if chart is not None:
                    charts.append(chart)
                else:
                    yield from _figures(below, item, group, charts, depth + 1)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, Mapping) and item.get("name"):
                number = _number(item.get("value"))
                name = str(item.get("label") or item["name"])
                if number is not None:
                    yield _figure(f"{path} · {name}" if path else name, number, item)


def _figure(path: str, number: float, metric: Mapping[str, Any]) -> Figure:
    low, high = next(
        (
            (_number(metric[low]), _number(metric[high]))
            for low, high in _BOUNDS
            if low in metric and high in metric
        ),
        (None, None),
    )
    note = metric.get("description")
    return Figure(
        path,
        number,
        _number(metric.get("standard_deviation")),
        low if high is not None else None,
        high if low is not None else None,
        note if isinstance(note, str) else "",
    )


def _grid(path: str, value: Mapping[str, Any]) -> Chart | None:
    """A table, where a key has rows that all have the same numbers."""
    rows = list(value.values())
    if len(rows) < 2 or not all(isinstance(row, Mapping) and row for row in rows):
        return None
    columns = list(rows[0])
    if "value" in columns or any(list(row) != columns for row in rows):
        return None
    if any(_number(item) is None for row in rows for item in row.values()):
        return None
    table = [[str(key), *row.values()] for key, row in value.items()]
    return Chart("", path, {}, ["name", *(_words(column) for column in columns)], table)


def _chart(key: str, title: str, value: Any) -> Chart | None:
    if key.endswith("confusion_matrix"):
        return _matrix(title, value)
    if key in _CURVES and isinstance(value, Mapping):
        return _curve(title, value, *_CURVES[key])
    return _reliability(title, value)


def _matrix(title: str, value: Any) -> Chart | None:
    """A confusion matrix: for each label, how often each answer was given."""
    if not isinstance(value, Mapping) or not value or len(value) > _MOST_CLASSES:
        return None
    if not all(isinstance(row, Mapping) for row in value.values()):
        return None
    rows = [str(key) for key in value]
    columns = list(dict.fromkeys([*rows, *(str(key) for row in value.values() for key in row)]))
    if len(columns) > _MOST_CLASSES:
        return None
    cells = []
    for row in value.values():
        named = {str(key): item for key, item in row.items()}
        cells.append([_number(named.get(column, 0)) or 0.0 for column in columns])
    shown = [[_whole(cell) for cell in row] for row in cells]
    data = {"rows": rows, "columns": columns, "cells": shown, "x": "predicted", "y": "label"}
    table = [[row, *line] for row, line in zip(rows, shown, strict=True)]
    return Chart("heatmap", title, data, ["label, by row; predicted, by column", *columns], table)


def _curve(title: str, value: Mapping[str, Any], across: str, up: str) -> Chart | None:
    x, y = _numbers(value.get(across)), _numbers(value.get(up))
    if not x or not y or len(x) != len(y):
        return None
    points = [list(point) for point in zip(x, y, strict=True)]
    heads = [_words(across), _words(up)]
    series = [{"name": heads[1], "points": points}]
    return Chart("line", title, {"x": heads[0], "y": heads[1], "series": series}, heads, points)


def _reliability(title: str, value: Any) -> Chart | None:
    """How often predictions of a confidence are right: a list of confidence, accuracy, count."""
    if not isinstance(value, list) or not value:
        return None
    names = ("confidence", "accuracy", "count")
    points = []
    for item in value:
        if not isinstance(item, Mapping):
            return None
        numbers = {name: _number(item.get(name)) for name in names}
        if numbers["count"] is None:
            return None
        if numbers["count"] == 0:  # a bin without predictions has neither
            continue
        confidence, accuracy = numbers["confidence"], numbers["accuracy"]
        if confidence is None or not 0 <= confidence <= 1:
            return None
        if accuracy is None or not 0 <= accuracy <= 1:
            return None
        points.append({**numbers, "count": _whole(numbers["count"])})
    if not points:
        return None
    table = [[point[name] for name in names] for point in points]
    return Chart("reliability", title, {"points": points}, names, table)


def _number(value: object) -> float | None:
    """A finite number; Model Monitor writes NaN as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # an integer that no float can hold
        return None


def _numbers(value: object) -> list[float]:
    """A list of finite numbers; empty if it is none."""
    if not isinstance(value, list):
        return []
    found = [number for item in value if (number := _number(item)) is not None]
    return found if len(found) == len(value) else []


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _words(key: object) -> str:
    return str(key).replace("_", " ")
