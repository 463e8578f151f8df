"""What the shifts bring: wrong records found and missed, and how well the model counts.

People look at what the model doubts, and at few of the bins that it passes. So no share is taken
over what was looked at alone: each audit stands for the bins of its verdict
(audited_shares.py), whose number the shifts' totals give. Shifts whose queue is not worked through
are left out of the shares, as the most doubtful bins are looked at first. So are bins whose photo a
person could not use.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from desk import queue
from desk.totals import Cell, Totals, different_items
from pipelines.serving.package_group import version_number
from pipelines.steps import audited_shares, audits

Kind = tuple[str, str, object]  # verdict, shift, and what it is grouped by
UNKNOWN = "not known"
LOOKED_AT = (queue.LOOK, queue.CANNOT_JUDGE)
MANY = 10  # recorded quantities and numbers of items from here on are one kind


@dataclass(frozen=True)
class Row:
    """What is known of some bins.

    Attributes:
        name: What they have in common.
        bins: How many were counted in shifts that are worked through.
        audited: How many of them people looked at, and could use the photo of.
        found: How many of those have a wrong record.
        wrong: The share of wrong records among all of them; None if it is not known.
        exact: The share of bins that the model counts right.
        within_one: The share of bins that it counts right, or one off.
    """

    name: str
    bins: int
    audited: int
    found: int
    wrong: audited_shares.Share | None
    exact: audited_shares.Share | None
    within_one: audited_shares.Share | None


@dataclass(frozen=True)
class Benefit:
    """What the audits show.

    Attributes:
        decisions: Those that hold, of shifts and of single bins: one for each photo.
        of_shifts: Those that hold in their own shift, whatever was decided about the same photo
            elsewhere: a shift's bins, and so its shares, are its own.
        totals: Of the counted shifts.
    """

    decisions: Sequence[audits.Audit]
    of_shifts: Sequence[audits.Audit]
    totals: Sequence[Totals]

    @cached_property
    def finished(self) -> list[Totals]:
        """The shifts in which every bin of the queue is decided."""
        decided = Counter(entry.shift for entry in self.of_shifts)
        return [one for one in self.totals if decided[one.id] >= one.to_look_at]

    @cached_property
    def unfinished(self) -> list[Totals]:
        """The other shifts."""
        finished = {one.id for one in self.finished}
        return [one for one in self.totals if one.id not in finished]

    @property
    def found(self) -> int:
        """How many wrong records were found."""
        return sum(map(is_wrong, self.decisions))

    @property
    def sampled(self) -> audited_shares.Group:
        """The bins that passed in shifts that are worked through, and the wrong records of them."""
        return _group(self._cells(queue.PASS), self._audits(queue.PASS), is_wrong)

    @property
    def looked_at(self) -> audited_shares.Group:
        """The bins that did not pass in shifts that are worked through."""
        return _group(self._cells(*LOOKED_AT), self._audits(*LOOKED_AT), is_wrong)

    @cached_property
    def overall(self) -> Row:
        """All bins of the shifts that are worked through."""
        return self._rows(lambda cell, shift: "all", lambda entry, shift: "all")[0]

    @cached_property
    def by_week(self) -> list[Row]:
        """By the week in which the shift was uploaded, oldest first."""
        return self._rows(lambda cell, shift: _week(shift), lambda entry, shift: _week(shift))

    @cached_property
    def by_version(self) -> list[Row]:
        """By the model version that answered."""
        return self._rows(
            lambda cell, shift: _version(cell.model_package),
            lambda entry, shift: _version(entry.model_package),
        )

    @cached_property
    def by_quantity(self) -> list[Row]:
        """By the quantity on record."""
        return self._rows(
            lambda cell, shift: _many(cell.expected_quantity),
            lambda entry, shift: _many(entry.expected_quantity),
        )

    @cached_property
    def by_items(self) -> list[Row]:
        """By the number of different items on record."""
        return self._rows(
            lambda cell, shift: _many(cell.items),
            lambda entry, shift: _many(different_items(entry.items)),
        )

    def _cells(self, *verdicts: str) -> list[Cell]:
        return [c for one in self.finished for c in one.cells if c.verdict in verdicts]

    def _audits(self, *verdicts: str) -> list[audits.Audit]:
        ids = {one.id for one in self.finished}
        return [e for e in self.of_shifts if e.shift in ids and e.verdict in verdicts]

    def _rows(
        self,
        of_cell: Callable[[Cell, Totals], str],
        of_audit: Callable[[audits.Audit, Totals], str],
    ) -> list[Row]:
        """A row for each kind of bin."""
        shifts = {one.id: one for one in self.finished}
        cells: dict[str, dict[tuple[str, float], list[Cell]]] = defaultdict(
            lambda: defaultdict(list)
        )
        entries: dict[str, dict[tuple[str, float], list[audits.Audit]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for one in self.finished:
            for cell in one.cells:
                cells[of_cell(cell, one)][_stratum(cell.verdict, one)].append(cell)
        for entry in self.of_shifts:
            if shift := shifts.get(entry.shift or ""):
                entries[of_audit(entry, shift)][_stratum(entry.verdict, shift)].append(entry)
        rows = [_row(name, cells[name], entries[name]) for name in cells]
        return sorted(rows, key=lambda row: _in_order(row.name))


def is_wrong(entry: audits.Audit) -> bool:
    """Whether a person found another count than the record's."""
    return entry.decision == "adjusted"


def is_exact(entry: audits.Audit) -> bool:
    """Whether the model counted as the person did; "6 or more" is right for 8 items, too."""
    return _off_by(entry) == 0


def is_within_one(entry: audits.Audit) -> bool:
    """Whether the model counted as the person did, or one off."""
    off = _off_by(entry)
    return off is not None and off <= 1


def of(entries: Iterable[audits.Audit], totals: Sequence[Totals]) -> Benefit:
    """What the entries of a log show; undone and repeated ones count as the log's rules say."""
    entries = list(entries)
    shifts: dict[str, list[audits.Audit]] = defaultdict(list)
    for entry in entries:
        if entry.shift:
            shifts[entry.shift].append(entry)
    of_shifts = [entry for own in shifts.values() for entry in audits.effective(own)]
    return Benefit(audits.effective(entries), of_shifts, totals)


def _off_by(entry: audits.Audit) -> int | None:
    """By how many items the model was wrong; None where either count is not known."""
    count, true = entry.model_count, entry.true_count
    if count is None or true is None:
        return None
    return 0 if entry.model_or_more and true > count else abs(count - true)


def _stratum(verdict: str, shift: Totals) -> tuple[str, float]:
    """Bins that are looked at with the same probability: of those that pass, by the share."""
    return verdict, shift.share if verdict == queue.PASS else 1.0


def _row(
    name: str,
    cells: Mapping[tuple[str, float], Sequence[Cell]],
    entries: Mapping[tuple[str, float], Sequence[audits.Audit]],
) -> Row:
    every = [entry for found in entries.values() for entry in found if entry.true_count is not None]

    def share(hit: Callable[[audits.Audit], bool]) -> audited_shares.Share | None:
        return audited_shares.over_groups(_groups(cells, entries, hit))

    bins = sum(cell.bins for of_kind in cells.values() for cell in of_kind)
    return Row(
        name,
        bins,
        len(every),
        sum(map(is_wrong, every)),
        share(is_wrong),
        share(is_exact),
        share(is_within_one),
    )


def _groups(
    cells: Mapping[tuple[str, float], Sequence[Cell]],
    entries: Mapping[tuple[str, float], Sequence[audits.Audit]],
    hit: Callable[[audits.Audit], bool],
) -> list[audited_shares.Group]:
    """A group for each verdict, and of the bins that passed for each share of the sample.

    Where no bin of one share was looked at, those that passed are one group.
    """
    groups = {key: _group(of_kind, entries.get(key, ()), hit) for key, of_kind in cells.items()}
    passed = [key for key in groups if key[0] == queue.PASS]
    if not all(groups[key].audited for key in passed):
        together = [groups.pop(key) for key in passed]
        groups[queue.PASS, 0.0] = audited_shares.Group(
            sum(one.bins for one in together),
            sum(one.audited for one in together),
            sum(one.hits for one in together),
        )
    return list(groups.values())


def _group(
    cells: Iterable[Cell], entries: Iterable[audits.Audit], hit: Callable[[audits.Audit], bool]
) -> audited_shares.Group:
    """Bins that are looked at with the same probability, without the share of unusable photos."""
    cells, entries = list(cells), list(entries)
    usable = [entry for entry in entries if entry.true_count is not None]
    bins = sum(cell.bins for cell in cells)
    if entries and (usable or all(cell.verdict != queue.PASS for cell in cells)):
        bins = round(bins * len(usable) / len(entries))
    return audited_shares.Group(bins, len(usable), sum(map(hit, usable)))


def _week(shift: Totals) -> str:
    year, week, _ = datetime.fromisoformat(shift.when).isocalendar()
    return f"{year}, week {week:02}"


def _version(package: str | None) -> str:
    number = version_number(package or "")
    return UNKNOWN if number is None else f"version {number}"


def _many(number: int | None) -> str:
    if number is None:
        return UNKNOWN
    return str(number) if number < MANY else f"{MANY} or more"


def _in_order(name: str) -> tuple[int, str]:
    """Numbers by their size, the others by their text, and what is not known last."""
    digits = name.removeprefix("version ").partition(" ")[0]
    return (int(digits), name) if digits.isdigit() else (MANY**9, name)
