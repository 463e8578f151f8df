"""What a person found in a bin that was checked alone, written into the log of audits.

The page carries what the endpoint answered from the answer to the decision, signed, as the desk
keeps nothing about a bin that is checked alone.
"""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from desk import audit_log, decision_form, pages, people
from desk.decision_form import FAILURES, LONGEST_NOTE, NOT_SAVED, REFUSALS, DecisionError
from desk.photo import Prepared
from desk.routes import post, text
from desk.shifts import store
from pipelines.display.error_messages import explain
from pipelines.serving.stock_record import StockRecord
from pipelines.steps import audits

PURPOSE = "bin audit"  # of the signature
RIGHT, ADJUSTED, UNUSABLE = "record_right", "adjusted", "unusable"


def routes() -> list[BaseRoute]:
    """The routes."""
    return [post("/bin/audit", write)]


def offer(
    request: Request,
    answer: Mapping[str, Any],
    prepared: Prepared,
    bin_id: str,
    asked: StockRecord | None,
) -> dict[str, Any] | None:
    """Return what the form of a decision shows; None where there is no record to decide about.

    Args:
        request: The request.
        answer: The endpoint's.
        prepared: The photo.
        bin_id: The stock record's id; "" if it was typed.
        asked: The stock record that was sent.
    """
    if asked is None or "verdict" not in answer:
        return None
    facts = json.dumps(
        {
            "image": PurePosixPath(prepared.photo.path).name[-200:] or "photo",
            "image_sha256": prepared.sha256,
            "expected_quantity": answer["expected_quantity"],
            "verdict": answer["verdict"],
            "record_id": bin_id or None,
            "items": asked.items,
            "model_count": answer["count"],
            "model_or_more": answer.get("or_more", False),
            "probability": answer.get("match_probability"),
            "model_package": pages.service(request).connect().model_package(),
        }
    )
    return _form(request, facts, uuid.uuid4().hex)


def write(request: Request, form: FormData) -> Response:
    """Write a decision; a form that is sent twice writes one."""
    facts = text(form, "facts")
    signature = pages.access(request).sign(PURPOSE, facts)
    if not hmac.compare_digest(signature.encode(), text(form, "signature").encode()):
        raise HTTPException(400, "The form was changed. Check the bin again.")
    try:
        entry = _entry(json.loads(facts), form)
        written = store(request).log.write(entry)
    except (*REFUSALS, *FAILURES) as error:
        problem = str(error)
        if not isinstance(error, REFUSALS):
            pages.service(request).forget()
            problem = f"{explain(error)} {NOT_SAVED}"
        values = _form(request, facts, text(form, "audit")) | {
            name: text(form, name) for name in ("who", "count", "note", "decision")
        }
        shown = {"audit": values | {"problem": problem}}
        status = 200 if pages.is_fragment(request) else 422
        return pages.render(request, "bin_audit.html", shown, status=status)
    response = pages.render(request, "bin_audited.html", {"entry": written})
    people.keep(response, written.who)
    return response


def _form(request: Request, facts: str, identity: str) -> dict[str, Any]:
    return {
        "facts": facts,
        "signature": pages.access(request).sign(PURPOSE, facts),
        "audit": identity,
        "quantity": json.loads(facts)["expected_quantity"],
        "who": people.name(request),
        **dict.fromkeys(("count", "note", "decision", "problem"), ""),
    }


def _entry(facts: dict[str, Any], form: FormData) -> audits.Audit:
    """Return the entry of a decision.

    Raises:
        DecisionError: It cannot be kept as it was typed.
        AuditError: It is no entry.
    """
    who = people.clean(text(form, "who"))
    if not who:
        raise DecisionError("Enter your name: it stands beside each decision.")
    recorded = facts["expected_quantity"]
    chosen: Any = text(form, "decision")
    if chosen not in (RIGHT, ADJUSTED, UNUSABLE):
        raise DecisionError("Choose what you found.")
    count = None
    if chosen == RIGHT:
        count = recorded
    elif chosen == ADJUSTED:
        count = decision_form.count(text(form, "count"))
        if count is None:
            raise DecisionError("Enter how many items are in the bin, as a whole number.")
        if count == recorded:
            chosen = RIGHT
    entry = audits.Audit(
        id=text(form, "audit"),
        when=audit_log.now(),
        who=who,
        decision=chosen,
        true_count=count,
        note=text(form, "note")[:LONGEST_NOTE],
        **facts,
    )
    audits.parse(entry.as_document())
    return entry
