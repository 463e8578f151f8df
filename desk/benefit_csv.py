"""CSV files to take away: the shares, and each decision."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields

from desk.benefit import Benefit, Row
from pipelines.scoring.table import no_formula
from pipelines.steps import audited_shares, audits

SHARES = ("wrong", "exact", "within_one")
HEAD = ["by", "kind", "bins", "looked_at", "wrong_found"]
HEAD += [name + end for name in SHARES for end in ("_share", "_low", "_high")]
DIGITS = 6


def shares(tables: Mapping[str, Iterable[Row]]) -> str:
    """A line for each kind of bin, with the limits of the 95 % intervals."""
    lines: list[list[object]] = [list(HEAD)]
    for name, rows in tables.items():
        for row in rows:
            cells: list[object] = [name, row.name, row.bins, row.audited, row.found]
            for one in SHARES:
                cells += _limits(getattr(row, one))
            lines.append(cells)
    return _text(lines)


def decisions(benefit: Benefit) -> str:
    """A line for each decision that holds, oldest first."""
    names = [field.name for field in fields(audits.Audit)]
    lines: list[list[object]] = [list(names)]
    for entry in benefit.decisions:
        values = asdict(entry)
        values["items"] = "" if entry.items is None else json.dumps(entry.items)
        lines.append(["" if values[name] is None else values[name] for name in names])
    return _text(lines)


def _limits(share: audited_shares.Share | None) -> list[object]:
    if share is None:
        return ["", "", ""]
    return [round(value, DIGITS) for value in (share.value, share.low, share.high)]


def _text(lines: Iterable[Iterable[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows(map(no_formula, line) for line in lines)
    return file.getvalue()
