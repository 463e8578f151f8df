"""The page of one bin: a photo and its stock record in, the answer out. No photo is stored."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from desk import attention, bin_audit, counting, pages, photo, records
from desk.photo import PhotoUnusableError
from desk.records import RecordError
from desk.routes import get, post, text
from desk.service import Service
from pipelines.display.error_messages import explain
from pipelines.scoring.records import RecordsError
from pipelines.serving import prediction
from pipelines.serving.photo import Photo
from pipelines.serving.prediction import RefusedError
from pipelines.serving.stock_record import StockRecord, StockRecordError

ROWS = 3  # of items, to begin with
# What the person at the page can correct; else the target or the endpoint has failed.
REFUSALS = (PhotoUnusableError, RecordError, RecordsError, StockRecordError, RefusedError)
ADVICE = {
    "pass": "Nothing to do.",
    "look": "Have somebody look into this bin.",
    "cannot_judge": "Check this bin as you do without the model.",
}


def routes() -> list[BaseRoute]:
    """The routes."""
    return [
        get("/", page),
        post("/bin", answer),
        post("/bin/attention", look_where),
        *bin_audit.routes(),
    ]


def page(request: Request) -> Response:
    """The form."""
    settings = pages.service(request).connect().settings
    values = {"rows": ROWS, "known_records": bool(settings.desk.records)}
    return pages.render(request, "one_bin.html", values)


def answer(request: Request, form: FormData) -> Response:
    """Ask the endpoint about a bin, and show its answer."""
    try:
        record = stock_record(form, pages.service(request).connect().settings.desk.records)
        prepared = uploaded(form)
        response = ask(request, prepared.photo, record)
    except REFUSALS as error:
        refused = isinstance(error, RefusedError)
        message = counting.plain(str(error)) if refused else str(error)
        return pages.problem(request, "Not counted", message, status=422)
    values = {
        "answer": response,
        "bars": bars(response),
        "advice": ADVICE.get(response.get("verdict", ""), ""),
        "note": prepared.note,
        "audit": bin_audit.offer(request, response, prepared, text(form, "id"), record),
    }
    return pages.render(request, "answer.html", values)


def look_where(request: Request, form: FormData) -> Response:
    """Stream where the model looked: a line of JSON for each part of the photo, then a sentence."""
    file = form.get("photo")
    body = file.file.read() if isinstance(file, UploadFile) else b""
    return StreamingResponse(
        _lines(pages.service(request), body, text(form, "count"), partial(ask, request)),
        media_type="application/x-ndjson",
    )


def _lines(service: Service, body: bytes, count: str, ask_endpoint: attention.Ask) -> Iterator[str]:
    try:
        looked = attention.Attention.of(body, count, ask_endpoint)
        cells = []
        for cell in looked.cells(ask_endpoint):
            cells.append(cell)
            yield json.dumps(cell.as_dict()) + "\n"
        sentence = looked.sentence(cells)
    except KeyError:
        sentence = f"The model behind the endpoint does not know the count {count[:20]!r} any more."
    except Exception as error:  # the response has begun: what is wrong comes as its last line
        if (reason := explain(error)) is None:
            raise
        if not isinstance(error, REFUSALS):
            service.forget()
        sentence = reason
    yield json.dumps({"sentence": sentence}) + "\n"


def stock_record(form: FormData, source: str) -> StockRecord | None:
    """Return the stock record that a form names or holds; None if it does neither.

    Raises:
        RecordError, RecordsError, StockRecordError: It cannot be used.
    """
    columns = ("quantity", *records.MEASURES)
    cells = [[str(value).strip() for value in form.getlist(f"item_{name}")] for name in columns]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=False)]
    typed = records.typed(text(form, "quantity"), rows, text(form, "units"))
    bin_id = text(form, "id")
    if not bin_id or (typed and typed.items is not None):
        return typed
    known = records.find(source, bin_id)
    return StockRecord(known.items, typed.quantity) if typed else known


def uploaded(form: FormData) -> photo.Prepared:
    """Return the photo of a form, ready to be sent.

    Raises:
        PhotoUnusableError: There is none, or it cannot be used.
    """
    file = form.get("photo")
    if not isinstance(file, UploadFile):
        return photo.prepare("photo", b"")
    return photo.prepare(file.filename or "photo", file.file.read())


def ask(request: Request, sent: Photo, record: StockRecord | None = None) -> dict[str, Any]:
    """Return the endpoint's answer.

    Raises:
        RefusedError: The model refused the photo.
        RegistryError: There is no endpoint, or it failed.
    """
    connection = pages.service(request).connect()
    only_quantity = record is not None and record.items is None
    return prediction.predict(
        connection.session,
        connection.settings.endpoint,
        sent,
        record.quantity if record and only_quantity else None,
        None if only_quantity else record,
        connection.runtime,
    ).answer


def bars(response: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the distribution of the count: a row for each count that the model knows."""
    recorded = response.get("expected_quantity")
    rows = []
    for name, share in response["probabilities"].items():
        count, is_open = int(name.rstrip("+")), name.endswith("+")
        on_record = recorded is not None and (recorded >= count if is_open else recorded == count)
        rows.append(
            {
                "count": f"{count} or more" if is_open else str(count),
                "share": share,
                "width": round(100 * share, 1),
                "on_record": on_record,
                "answered": count == response["count"],
            }
        )
    return rows
