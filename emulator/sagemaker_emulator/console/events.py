"""EventBridge: the rules, what each of them did, and a form to send an event."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console import dead_letters, lists, live, rule_matches, schedules
from sagemaker_emulator.console.forms import form_of
from sagemaker_emulator.console.pages import (
    Section,
    call,
    context_of,
    fragment,
    only,
    pretty_json,
    render,
    url,
)
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.events.event_log import GROUP
from sagemaker_emulator.services.events.rule import RULE

SECTION = Section("Events", "/console/events")
_PAGE = 50
_EXAMPLE = {"source": "my.test", "type": "Test", "detail": "{}"}


def _list(request: Request) -> Response:
    return _rules(request)


def _rules(
    request: Request,
    form: Mapping[str, str] = _EXAMPLE,
    sent: str = "",
    matched: Sequence[str] = (),
    problem: ApiError | None = None,
) -> Response:
    """The list of rules, and the form of an event.

    Args:
        request: The browser's request.
        form: What the form holds.
        sent: The id of the event that the form sent; empty if it sent none.
        matched: The rules that the event matched.
        problem: Why the event was refused.
    """
    found = _page(request)
    targets = {
        rule["Name"]: call(request, "ListTargetsByRule", "events", Rule=rule["Name"])["Targets"]
        for rule in found.items
    }
    return render(
        request,
        "events.html.j2",
        problem.status if problem else 200,
        found=found,
        targets=targets,
        form=form,
        sent=sent,
        matched=matched,
        problem=problem,
        schedules=schedules.listed(request, found.filter),
    )


def _page(request: Request) -> lists.Listing:
    text, after = lists.filter_of(request)
    holds = "only letters, digits, full stops, hyphens and underscores"
    if problem := lists.hint("ListRules", "NamePrefix", text, "events", holds):
        return lists.Listing([], text, "", problem)
    page = call(request, "ListRules", "events", NamePrefix=text, NextToken=after, Limit=_PAGE)
    return lists.Listing(page["Rules"], text, page.get("NextToken") or "")


async def _send(request: Request) -> Response:
    form = only(await form_of(request), *_EXAMPLE)
    entry = {"Source": form["source"], "DetailType": form["type"], "Detail": form["detail"]}

    def send() -> Response:
        try:
            found = call(request, "PutEvents", "events", Entries=[entry])["Entries"][0]
            if "EventId" not in found:
                raise ApiError(found["ErrorCode"], found["ErrorMessage"])
        except ApiError as problem:
            return _rules(request, form, problem=problem)
        identity = found["EventId"]
        return _rules(request, form, identity, rule_matches.rules_of(request, identity))

    return await anyio.to_thread.run_sync(send)


def _show(request: Request) -> Response:
    name = request.path_params["name"]
    rule = call(request, "DescribeRule", "events", Name=name)
    targets = call(request, "ListTargetsByRule", "events", Rule=name)["Targets"]
    queues = [each.get("DeadLetterConfig", {}).get("Arn", "") for each in targets]
    return render(
        request,
        "rule.html.j2",
        rule=rule,
        pattern=pretty_json(json.loads(rule["EventPattern"])) if rule.get("EventPattern") else "",
        following=(context_of(request).store.get(RULE, name) or {}).get("Next"),
        targets=targets,
        letters=dead_letters.counts(request, *queues),
        tags=call(request, "ListTagsForResource", "events", ResourceARN=rule["Arn"])["Tags"],
        **_matches(request, name),
    )


def _matches(request: Request, rule: str) -> dict[str, Any]:
    return {"name": rule, "group": GROUP, "matches": rule_matches.latest(request, rule)}


def _follow(request: Request) -> Response:
    """Server-sent events: the table of matches, when it has changed."""
    name = request.path_params["name"]
    call(request, "DescribeRule", "events", Name=name)

    def parts() -> dict[str, str]:
        values = _matches(request, name)
        return {"matches": fragment(request, "rule_matches.html.j2", **values)}

    return live.stream(request, parts, lambda: rule_matches.changes(request, name))


async def _set_state(request: Request) -> Response:
    name = request.path_params["name"]
    form = await form_of(request)
    operation = "EnableRule" if form.get("state") == "ENABLED" else "DisableRule"
    await anyio.to_thread.run_sync(lambda: call(request, operation, "events", Name=name))
    return RedirectResponse(url("events", name), 303)


routes = [
    Route("/events", _list),
    Route("/events", _send, methods=["POST"]),
    Route("/events/{name}", _show),
    Route("/events/{name}", _set_state, methods=["POST"]),
    Route("/events/{name}/follow", _follow),
]
