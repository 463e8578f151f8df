"""The queue of a shift: one bin after the other, and what a person decides about it.

What the model says of a bin is shown after the decision only. Else people would agree with it, and
would know which bins passed.
"""

from __future__ import annotations

import re
import uuid
from pathlib import PurePosixPath
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from desk import audit_log, decision_form, pages, people
from desk.decision_form import FAILURES, LONGEST_NOTE, NOT_SAVED, REFUSALS, DecisionError
from desk.routes import get, post, text
from desk.shift import Shift
from desk.shifts import shift_of, store, worklist
from desk.worklist import Worklist
from pipelines.display.error_messages import explain
from pipelines.steps import audits

AROUND = 8  # thumbnails before and after the bin
RECORD, UNUSABLE = "record", "unusable"  # what the form's buttons send


def routes() -> list[BaseRoute]:
    """The routes."""
    return [
        get("/shifts/{id}/queue", show_queue),
        post("/shifts/{id}/decide", decide),
        post("/shifts/{id}/undo", undo),
        post("/shifts/{id}/name", keep_name),
    ]


def show_queue(request: Request) -> Response:
    """A bin of the queue: the one that the address names, or the first that is not decided."""
    work = _work(request)
    named = request.query_params.get("photo", "")
    number = int(named) if re.fullmatch("[0-9]{1,6}", named) else None
    if number not in work.order:
        number = work.next_after(0)
    return _show(request, work, number)


def decide(request: Request, form: FormData) -> Response:
    """Keep a decision, and show the next bin."""
    shift = shift_of(request)
    typed = {name: text(form, name) for name in ("count", "note", "audit", "photo")}
    try:
        work = worklist(request, shift)
    except FAILURES as error:  # no log can be read, so the queue is shown alone
        work = Worklist(shift, shift.answers(), [])
        return _not_saved(request, work, typed, error)
    number = _number(work, typed["photo"])
    try:
        entry = _entry(work, number, people.name(request), text(form, "decision"), typed)
        earlier = work.decisions.get(number)
        if earlier and earlier.id != entry.id:
            raise DecisionError(
                f"{earlier.who} decided this bin meanwhile. To change that, undo it first."
            )
        store(request).log.write(entry)
    except REFUSALS as error:
        return _show(request, work, number, problem=str(error), typed=typed, status=422)
    except FAILURES as error:
        return _not_saved(request, work, typed, error)
    saved = f"{entry.image}: {words(entry)}."
    return _go_on(request, shift, number, saved)


def undo(request: Request, form: FormData) -> Response:
    """Take a decision back, and show its bin."""
    shift = shift_of(request)
    work = worklist(request, shift)
    who = _require_name(request)
    number = _number(work, text(form, "photo"))
    entry = next((e for e in work.decisions.values() if e.id == text(form, "undoes")), None)
    if entry is None:
        return _show(request, work, number, problem="It was undone before.", status=422)
    try:
        store(request).log.undo(entry, text(form, "audit"), who)
    except REFUSALS as error:
        return _show(request, work, number, problem=str(error), status=422)
    except FAILURES as error:
        return _not_saved(request, work, {"photo": str(number)}, error)
    work = worklist(request, shift)
    back = next((one.number for one in shift.to_ask if one.sha256 == entry.image_sha256), number)
    return _show(request, work, back, saved=f"Undone: {entry.image}, {words(entry)}.")


def keep_name(request: Request, form: FormData) -> Response:
    """Keep the person's name, and show the queue."""
    response = RedirectResponse(f"/shifts/{shift_of(request).id}/queue", 303)
    people.keep(response, text(form, "who"))
    return response


def words(entry: audits.Audit) -> str:
    """A decision in words."""
    return {
        "record_right": f"the record is right, {entry.expected_quantity}",
        "adjusted": f"{entry.true_count} in place of {entry.expected_quantity}",
        "unusable": "the photo cannot be used",
    }.get(entry.decision, entry.decision)


def _entry(
    work: Worklist, number: int, who: str, decision: str, typed: dict[str, str]
) -> audits.Audit:
    """The entry of a decision.

    Raises:
        DecisionError: It cannot be kept as it was typed.
    """
    one, answer = work.bin(number), work.answers[number]
    if not who:
        raise DecisionError("Enter your name first: it stands beside each decision.")
    if decision not in (RECORD, UNUSABLE):
        raise HTTPException(400, "The form names no decision.")
    kind: Any = decision
    count = None
    if decision == RECORD:
        count = _count(typed["count"], one.quantity)
        kind = "record_right" if count == one.quantity else "adjusted"
    return audits.Audit(
        id=typed["audit"],
        when=audit_log.now(),
        who=who,
        decision=kind,
        true_count=count,
        image=PurePosixPath(one.name).name,
        image_sha256=one.sha256,
        expected_quantity=one.quantity,
        items=one.items,
        verdict=answer.answer["verdict"],
        model_count=answer.answer["count"],
        model_or_more=answer.answer.get("or_more", False),
        probability=answer.answer.get("match_probability"),
        model_package=answer.model_package,
        shift=work.shift.id,
        sampled=work.is_sampled(number),
        note=typed["note"][:LONGEST_NOTE],
    )


def _count(typed: str, recorded: int) -> int:
    """The count that was typed; the quantity on record if none was."""
    count = decision_form.count(typed) if typed else recorded
    if count is None:
        raise DecisionError(f"The count is {typed[:20]!r}. Type a whole number, or nothing.")
    return count


def _work(request: Request) -> Worklist:
    shift = shift_of(request)
    if not shift.is_counted:
        raise HTTPException(404, "The shift is not counted yet.")
    return worklist(request, shift)


def _number(work: Worklist, photo: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", photo) or int(photo) not in work.order:
        raise HTTPException(404, "There is no such photo in the queue.")
    return int(photo)


def _require_name(request: Request) -> str:
    who = people.name(request)
    if not who:
        raise DecisionError("Enter your name first: it stands beside each decision.")
    return who


def _go_on(request: Request, shift: Shift, number: int, saved: str) -> Response:
    work = worklist(request, shift)
    following = work.next_after(number)
    if pages.is_fragment(request):
        return _show(request, work, following, saved=saved, after=number)
    place = "" if following is None else f"?photo={following}"
    return RedirectResponse(f"/shifts/{shift.id}/queue{place}", 303)


def _not_saved(
    request: Request, work: Worklist, typed: dict[str, str], error: Exception
) -> Response:
    pages.service(request).forget()
    message = f"{explain(error) or type(error).__name__}\n{NOT_SAVED}"
    number = _number(work, typed["photo"])
    return _show(request, work, number, problem=message, typed=typed, status=503)


def _show(
    request: Request,
    work: Worklist,
    number: int | None,
    *,
    problem: str = "",
    saved: str = "",
    after: int | None = None,
    typed: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The page of one bin; without a number, that everything is decided.

    htmx ignores the body of an error, so that a part of a page comes with status 200.
    """
    who = people.name(request)
    place = work.order.index(number) if number is not None else 0
    decided = work.decisions.get(number) if number is not None else None
    last = decided or work.last_by(who)
    typed = typed or {}
    values = {
        "shift": work.shift,
        "work": work,
        "number": number,
        "place": place,
        "bin": work.bin(number) if number is not None else None,
        "answer": work.answers[number] if number is not None else None,
        "decided": decided,
        "last": last,
        "undo_photo": number if number is not None else (after or (work.order or [0])[0]),
        "around": work.order[max(0, place - AROUND) : place + AROUND + 1],
        "beside": work.beside(number) if number is not None else (None, None),
        "who": who,
        "count": typed.get("count", ""),
        "note": typed.get("note", ""),
        "audit": typed.get("audit") or uuid.uuid4().hex,
        "undo_id": uuid.uuid4().hex,
        "problem": problem.splitlines(),
        "saved": saved,
        "in_words": words,
    }
    part = pages.is_fragment(request)
    page = pages.render(
        request, "queue_part.html" if part else "queue.html", values, status=200 if part else status
    )
    if part and request.method == "POST":
        query = "" if number is None else f"?photo={number}"
        page.headers["HX-Push-Url"] = f"/shifts/{work.shift.id}/queue{query}"
    return page
