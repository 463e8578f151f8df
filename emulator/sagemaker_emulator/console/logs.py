"""CloudWatch Logs: the groups, the streams of one, the lines of a stream, and a search."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sagemaker_emulator.console import lists, log_view
from sagemaker_emulator.console.pages import Section, call, render, url

SECTION = Section("Logs", "/console/logs")
_PAGE = 50
_MOST_FOUND = 200


def _show(request: Request) -> Response:
    """By the query: all groups, the streams of a `group`, or the lines of its `stream`."""
    query = request.query_params
    if not (group := query.get("group", "")):
        return _groups(request)
    if stream := query.get("stream", ""):
        return _stream(request, group, stream)
    return _group(request, group)


def _groups(request: Request) -> Response:
    text, after = lists.filter_of(request)
    operation, member = "DescribeLogGroups", "logGroupNamePattern"
    problem = lists.hint(operation, member, text, "logs", "only letters, digits and . - _ / #")
    if problem:
        found = lists.Listing([], text, "", problem)
    else:
        members = {member: text, "nextToken": after, "limit": _PAGE}
        page = call(request, operation, "logs", **members)
        found = lists.Listing(page["logGroups"], text, page.get("nextToken") or "")
    return render(request, "logs.html.j2", found=found)


def _group(request: Request, group: str) -> Response:
    query = request.query_params
    prefix, search = query.get("prefix", "").strip(), query.get("search", "").strip()
    order: dict[str, Any] = {"logStreamNamePrefix": prefix}
    if not prefix:
        order = {"orderBy": "LastEventTime", "descending": True}
    holds = "no colon or asterisk"
    if hint := lists.hint("DescribeLogStreams", "logStreamNamePrefix", prefix, "logs", holds):
        order, search = {}, ""
    page = call(
        request,
        "DescribeLogStreams",
        "logs",
        logGroupName=group,
        nextToken=query.get("after", ""),
        limit=_PAGE,
        **order,
    )
    after = "" if hint else page.get("nextToken") or ""
    return render(
        request,
        "log_group.html.j2",
        group=group,
        prefix=prefix,
        search=search,
        streams=[] if hint else page["logStreams"],
        hint=hint,
        next=url("logs", group=group, prefix=prefix, after=after) if after else "",
        found=_search(request, group, prefix, search) if search else [],
        most=_MOST_FOUND,
    )


def _search(request: Request, group: str, prefix: str, text: str) -> list[dict[str, Any]]:
    """The first events with this text, as it is, in their message."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    found = call(
        request,
        "FilterLogEvents",
        "logs",
        logGroupName=group,
        logStreamNamePrefix=prefix,
        filterPattern=f'"{escaped}"',
        limit=_MOST_FOUND,
    )
    return list(found["events"])


def _stream(request: Request, group: str, stream: str) -> Response:
    call(request, "GetLogEvents", "logs", logGroupName=group, logStreamName=stream, limit=1)
    log = log_view.view(request, group, stream)
    return render(request, "log_stream.html.j2", group=group, stream=stream, log=log)


routes = [Route("/logs", _show)]
