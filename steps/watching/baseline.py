"""The baseline: what the answers of a model look like on its test photos. The owner of its schema.

Evaluate writes it as baseline.json, and the watch step reads it. A measure that is a number is
sorted into bins of about equal size, whose edges are kept. Each table is kept for every true count,
because a test set has as many bins of each count as Prepare chose, and a warehouse has its own mix.

    {"version": 1, "model": "3f9a…", "images": 120, "classes": ["1", …], "record_error_rate": 0.1,
     "accuracy": {"photo": [54, 120], "with_items": [68, 120]},
     "tables": {"brightness": {"names": [bin, …], "edges": [number, …], "middle": [5 %, 50 %, 95 %],
                               "counts": {true count: [photos in each bin, …], …}},
                "verdict": {"names": […], "edges": [], "middle": [], "counts": {…}}, …}}
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from watching import measures
from watching.measures import Answer, Measure

FILE = "baseline.json"
FOLDER = "baselines"  # of the baselines of all models, each under the model's id
VERSION = 1
IN_A_BIN = 10  # photos, about
FEWEST_BINS, MOST_BINS = 4, 10
MIDDLE = (5, 50, 95)  # percentiles that are shown
DIGITS = 6


class BaselineError(ValueError):
    """A baseline cannot be read; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Table:
    """One measure on the test photos.

    Attributes:
        names: of the bins or values, in order.
        counts: photos in each, by the true count's name.
        edges: between the bins of a number; empty for a category.
        middle: a number's 5th, 50th and 95th percentile.
    """

    names: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    edges: tuple[float, ...] = ()
    middle: tuple[float, ...] = ()

    def index(self, value: float | str) -> int | None:
        """The bin of a value; None for a category that the model did not have."""
        if isinstance(value, str):
            return self.names.index(value) if value in self.names else None
        return bisect_right(self.edges, value)


@dataclass(frozen=True)
class Baseline:
    """What a model answers on its test photos.

    Attributes:
        model: the id that the model's answers carry.
        images: how many test photos.
        classes: the names of the counts that it answers.
        record_error_rate: the share of wrong stock records that is assumed.
        accuracy: right answers and photos, by the photo alone and with the items on record.
        tables: by the measure's name.
    """

    model: str
    images: int
    classes: tuple[str, ...]
    record_error_rate: float
    accuracy: Mapping[str, tuple[int, int]]
    tables: Mapping[str, Table]

    def as_document(self) -> dict[str, Any]:
        """The baseline as JSON holds it; `read` reads it again."""
        return {"version": VERSION, **asdict(self)}


def read(document: Any) -> Baseline:
    """Read the content of a baseline.json.

    Raises:
        BaselineError: it is not one of this version.
    """
    try:
        if document["version"] != VERSION:
            raise BaselineError(
                f"the baseline's version is {document['version']!r}, and only {VERSION} can be "
                "read; run Evaluate of this version again"
            )
        tables = {
            name: Table(
                tuple(table["names"]),
                {count: tuple(map(int, row)) for count, row in table["counts"].items()},
                *(tuple(map(float, table[key])) for key in ("edges", "middle")),
            )
            for name, table in document["tables"].items()
        }
        return Baseline(
            str(document["model"]),
            int(document["images"]),
            tuple(document["classes"]),
            float(document["record_error_rate"]),
            {name: (int(a), int(b)) for name, (a, b) in document["accuracy"].items()},
            tables,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, BaselineError):
            raise
        raise BaselineError(
            f"the baseline is not as Evaluate writes it ({error!r}); run Evaluate again"
        ) from error


def describe(
    truth: Sequence[str],
    by_quantity: Sequence[Answer],
    with_items: Sequence[Answer],
    record_error_rate: float,
) -> Baseline:
    """The baseline of a model.

    Args:
        truth: the name of each test photo's true count.
        by_quantity: the answer to each photo, sent with the right quantity and no items.
        with_items: the same, sent with the right record, as far as its items are known.
        record_error_rate: the share of wrong stock records that is assumed.
    """
    tables = {}
    for measure in measures.MEASURES:
        answers = with_items if measure.name == measures.VERDICT_WITH_ITEMS else by_quantity
        pairs = [
            (count, value)
            for count, answer in zip(truth, answers, strict=True)
            if (value := measure.read(answer)) is not None
        ]
        if pairs:
            classes = measures.count_names(answers[0])
            tables[measure.name] = _table(measure, pairs, classes)
    known = [
        (count, answer)
        for count, answer in zip(truth, with_items, strict=True)
        if "photo_alone" in answer
    ]
    return Baseline(
        model=str(by_quantity[0].get("model", "")),
        images=len(truth),
        classes=measures.count_names(by_quantity[0]),
        record_error_rate=record_error_rate,
        accuracy={
            "photo": _right(list(zip(truth, by_quantity, strict=True))),
            "with_items": _right(known),
        },
        tables=tables,
    )


def edges_of(values: Sequence[float], most: int) -> tuple[float, ...]:
    """Edges between at most `most` bins of about equal size, never within one value.

    A value that many photos share gets a bin of its own; so do the values below the least and above
    the greatest where that would otherwise be one bin of all, as where all photos have one size.
    """
    distinct, sizes = np.unique(np.asarray(values, dtype=float), return_counts=True)
    between = (distinct[1:] + distinct[:-1]) / 2
    least = len(values) / most
    edges: list[float] = []
    full = 0
    for index, size in enumerate(sizes.tolist()):
        # A value that fills a bin alone is not joined to what came before it.
        if index and full and size >= least and (not edges or edges[-1] != between[index - 1]):
            edges.append(float(between[index - 1]))
            full = 0
        full += size
        if full >= least and index < len(between):
            edges.append(float(between[index]))
            full = 0
    margin = max(1e-6, 1e-6 * float(np.abs(distinct).max()))
    if sizes[0] >= 2 * least:
        edges.insert(0, float(distinct[0]) - margin)
    if sizes[-1] >= 2 * least:
        edges.append(float(distinct[-1]) + margin)
    return tuple(sorted(set(edges)))


def _table(
    measure: Measure,
    pairs: Sequence[tuple[str, float | str]],
    classes: tuple[str, ...],
) -> Table:
    edges: tuple[float, ...] = ()
    middle: tuple[float, ...] = ()
    names = measure.values or classes
    if measure.number:
        numbers = [float(value) for _, value in pairs]
        most = min(MOST_BINS, max(FEWEST_BINS, len(numbers) // IN_A_BIN))
        edges = edges_of(numbers, most)
        middle = tuple(round(float(one), DIGITS) for one in np.percentile(numbers, MIDDLE))
        names = _bin_names(edges)
    empty = Table(names, {}, edges)
    counts: dict[str, Counter[int | None]] = {}
    for count, value in pairs:
        counts.setdefault(count, Counter())[empty.index(value)] += 1
    return Table(
        names,
        {
            count: tuple(bins[index] for index in range(len(names)))
            for count, bins in sorted(counts.items())
        },
        edges,
        middle,
    )


def _bin_names(edges: Sequence[float]) -> tuple[str, ...]:
    if not edges:
        return ("all",)
    shown = [measures.shown(edge) for edge in edges]
    # Edges that look alike are those around one value.
    between = [low if low == high else f"{low} to {high}" for low, high in pairwise(shown)]
    return (f"below {shown[0]}", *between, f"above {shown[-1]}")


def _right(pairs: Sequence[tuple[str, Answer]]) -> tuple[int, int]:
    right = [f"{one['count']}{'+' * bool(one['or_more'])}" == count for count, one in pairs]
    return sum(right), len(right)
