"""The page of what the shifts bring, and its CSV files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from desk import benefit, benefit_csv, pages
from desk.benefit import Benefit, Row
from desk.routes import get
from desk.shifts import store
from pipelines.steps import audited_shares

TICKS = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0)  # where the scale of a chart may end


@dataclass(frozen=True)
class Scale:
    """The scale of a chart from 0 to `end`; positions are on a width of 100."""

    end: float

    def place(self, share: float) -> float:
        """Where a share is."""
        return round(min(100.0, 100 * share / self.end), 2)


def routes() -> list[BaseRoute]:
    """The routes."""
    return [
        get("/benefit", show_benefit),
        get("/benefit.csv", shares_csv),
        get("/audits.csv", audits_csv),
    ]


def show_benefit(request: Request) -> Response:
    """What the shifts bring."""
    found = _read(request)
    assumed = pages.service(request).connect().settings.quality.record_error_rate
    overall = found.overall if found.finished else None
    tables = _tables(found)
    limits = [row.wrong.high for rows in tables.values() for row in rows if row.wrong]
    passed = found.sampled
    values = {
        "found": found,
        "overall": overall,
        "assumed": assumed,
        "passed": passed,
        "missed": _number(passed.share, passed.bins, passed.hits),
        "looked_at": found.looked_at,
        "unusable": sum(entry.decision == "unusable" for entry in found.decisions),
        "tables": tables,
        "scale": Scale(
            next(tick for tick in TICKS if tick >= max([assumed, *limits]) or tick == 1)
        ),
        "unreadable": len(store(request).log.unreadable),
    }
    return pages.render(request, "benefit.html", values)


def shares_csv(request: Request) -> Response:
    """The shares as a CSV file."""
    found = _read(request)
    every = {"all": [found.overall] if found.finished else [], **_tables(found)}
    return _file(benefit_csv.shares(every), "tally-shares.csv")


def audits_csv(request: Request) -> Response:
    """The decisions as a CSV file."""
    return _file(benefit_csv.decisions(_read(request)), "tally-audits.csv")


def exactly(share: float) -> str:
    """A share in per cent with one digit, such as `9.4 %`."""
    return f"{100 * share:.1f} %"


pages.templates.filters["exactly"] = exactly


def _read(request: Request) -> Benefit:
    shifts = store(request)
    entries, totals = shifts.log.read(), shifts.totals.read()
    # Both logs only grow, so the same lengths are the same content.
    kept: tuple[tuple[int, int], Benefit] | None = getattr(request.app.state, "benefit", None)
    lengths = len(entries), len(totals)
    if kept is None or kept[0] != lengths:
        kept = lengths, benefit.of(entries, totals)
        request.app.state.benefit = kept
    return kept[1]


def _tables(found: Benefit) -> Mapping[str, list[Row]]:
    """The rows by what they are grouped by."""
    return {
        "week": found.by_week,
        "model version": found.by_version,
        "quantity on record": found.by_quantity,
        "different items on record": found.by_items,
    }


def _number(share: audited_shares.Share | None, of: int, least: int) -> tuple[int, int, int] | None:
    """How many of so many bins a share is, and the limits; no fewer than were found."""
    if share is None:
        return None
    low, high = math.floor(share.low * of), math.ceil(share.high * of)
    return round(share.value * of), max(least, low), max(least, high)


def _file(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    # With a byte order mark, Excel reads UTF-8.
    return Response("\ufeff" + text, media_type="text/csv; charset=utf-8", headers=headers)
