"""How many bins of a shift have which verdict: one object in S3 for each counted shift.

What people look at is not chosen at random: it is what the model doubts. The totals say how many
bins each decision stands for (benefit.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from desk import queue
from desk.audit_log import PREFIX as LOG
from desk.audit_log import READERS, list_keys, put_once

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from desk.shift import Shift

PREFIX = f"{LOG}shifts/"
VERSION = 1


@dataclass(frozen=True)
class Cell:
    """Bins that are alike.

    Attributes:
        verdict: Of the endpoint.
        expected_quantity: The quantity on record.
        items: The number of different items on record; None where they are not known.
        model_package: The ARN of the model that answered; None if it is not known.
        bins: How many bins.
        to_look_at: How many of them a person is to look at.
    """

    verdict: str
    expected_quantity: int
    items: int | None
    model_package: str | None
    bins: int
    to_look_at: int


@dataclass(frozen=True)
class Totals:
    """The totals of a shift; see `desk.shift.Shift` for its first members.

    Attributes:
        without_verdict: The number of photos that cannot be judged, because they cannot be read or
            have no record.
        cells: The other bins.
    """

    id: str
    name: str
    who: str
    when: str
    share: float
    without_verdict: int
    cells: tuple[Cell, ...]

    def bins(self, *verdicts: str) -> int:
        """The number of bins with these verdicts."""
        return sum(cell.bins for cell in self.cells if cell.verdict in verdicts)

    @property
    def to_look_at(self) -> int:
        """The number of bins that a person is to look at."""
        return sum(cell.to_look_at for cell in self.cells)


def different_items(items: Any) -> int | None:
    """The number of different items of a stock record; None where it has none."""
    if isinstance(items, Mapping):
        items = items.get("BIN_FCSKU_DATA")
    return len(items) if isinstance(items, Mapping | list) else None


def of_shift(shift: Shift) -> Totals:
    """The totals of a shift whose bins are all answered."""
    bins: Counter[tuple[str, int, int | None, str | None]] = Counter()
    looks: Counter[tuple[str, int, int | None, str | None]] = Counter()
    answers = shift.answers()
    for one in shift.to_ask:
        answer = answers[one.number]
        if answer.problem:
            continue
        kind = answer.verdict, one.quantity, different_items(one.items), answer.model_package
        bins[kind] += 1
        looks[kind] += answer.verdict != queue.PASS or queue.is_sampled(
            shift.id, one.number, shift.share
        )
    cells = tuple(Cell(*kind, number, looks[kind]) for kind, number in bins.items())
    unjudged = len(shift.bins) - sum(bins.values())
    return Totals(shift.id, shift.name, shift.who, shift.when, shift.share, unjudged, cells)


def write(s3: S3Client, bucket: str, shift: Shift) -> None:
    """Write the totals of a shift, once.

    Raises:
        ClientError, BotoCoreError: S3 did not confirm that they are written.
    """
    content = {"version": VERSION, **asdict(of_shift(shift))}
    put_once(s3, bucket, f"{PREFIX}{shift.id}.json", content)


@dataclass
class TotalsLog:
    """The totals of every shift in a bucket. What was read once is kept, as it never changes.

    Attributes:
        s3: Returns a client of the target.
        bucket: Returns the bucket's name.
    """

    s3: Callable[[], S3Client]
    bucket: Callable[[], str]
    _read: dict[str, Totals | None] = field(default_factory=dict)

    def read(self) -> list[Totals]:
        """Every shift's totals, oldest first; objects of another version are left out.

        Raises:
            ClientError, BotoCoreError: S3 cannot be read.
        """
        s3, bucket = self.s3(), self.bucket()
        keys = list(list_keys(s3, bucket, PREFIX))
        new = [key for key in keys if key not in self._read]

        def get(key: str) -> Totals | None:
            return _parse(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

        with ThreadPoolExecutor(READERS) as pool:
            self._read.update(zip(new, pool.map(get, new), strict=True))
        known = (self._read[key] for key in keys)
        return sorted((one for one in known if one), key=lambda one: (one.when, one.id))


def _parse(body: bytes) -> Totals | None:
    try:
        values = json.loads(body)
        if values.pop("version") != VERSION:
            return None
        cells = tuple(Cell(**cell) for cell in values.pop("cells"))
        return Totals(cells=cells, **values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
