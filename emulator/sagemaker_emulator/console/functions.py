"""Lambda: the functions; the configuration, invocations and log of one; Invoke."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sagemaker_emulator.console import dead_letters, invocations, lists, live, log_view
from sagemaker_emulator.console.forms import form_of
from sagemaker_emulator.console.pages import Section, call, fragment, render
from sagemaker_emulator.errors import ApiError

SECTION = Section("Functions", "/console/functions")
_PAGE = 50
_SHOWN = 50


def _list(request: Request) -> Response:
    text, marker = lists.filter_of(request)
    found: list[dict[str, Any]] = []
    while len(found) < _PAGE:
        page = call(request, "ListFunctions", "lambda", MaxItems=_PAGE, Marker=marker)
        found += [each for each in page["Functions"] if text in each["FunctionName"]]
        marker = page.get("NextMarker") or ""
        if not marker:
            break
    return render(request, "functions.html.j2", found=lists.Listing(found, text, marker))


def _show(request: Request) -> Response:
    return _page(request)


def _page(request: Request, **answer: Any) -> Response:
    """The page of a function, with the answer of an invocation if there was one."""
    name = request.path_params["name"]
    function = call(request, "GetFunction", "lambda", FunctionName=name)
    about = function["Configuration"]
    rules = call(request, "ListRuleNamesByTarget", "events", TargetArn=about["FunctionArn"])
    group = about["LoggingConfig"]["LogGroup"]
    return render(
        request,
        "function.html.j2",
        about=about,
        tags=function.get("Tags", {}),
        rules=rules["RuleNames"],
        policy=_policy(request, name),
        **_asynchronous(request, about),
        invocations=invocations.recent(request, group)[:_SHOWN],
        log=log_view.view(request, group),
        **{"payload": "{}", "answer": None} | answer,
    )


def _asynchronous(request: Request, about: Mapping[str, Any]) -> dict[str, Any]:
    """How asynchronous invocations of a function end, and which queues call it."""
    name = about["FunctionName"]
    listed = call(request, "ListFunctionEventInvokeConfigs", "lambda", FunctionName=name)
    mappings = call(request, "ListEventSourceMappings", "lambda", FunctionName=name)
    configs = listed["FunctionEventInvokeConfigs"]
    arns = [(about.get("DeadLetterConfig") or {}).get("TargetArn", "")]
    for config in configs:
        ends = config["DestinationConfig"]
        arns += [each.get("Destination", "") for each in ends.values()]
    return {
        "configs": configs,
        "mappings": mappings["EventSourceMappings"],
        "letters": dead_letters.counts(request, *arns),
    }


def _policy(request: Request, name: str) -> str:
    try:
        policy = call(request, "GetPolicy", "lambda", FunctionName=name)["Policy"]
    except ApiError as problem:
        if problem.code != "ResourceNotFoundException":
            raise
        return ""
    return json.dumps(json.loads(policy)["Statement"], indent=2)


async def _invoke(request: Request) -> Response:
    form = await form_of(request)
    payload = str(form.get("payload", ""))
    name = request.path_params["name"]

    def invoke() -> Response:
        found = call(
            request,
            "Invoke",
            "lambda",
            FunctionName=name,
            Payload=payload.encode(),
            LogType="Tail",
        )
        answer = {
            "failed": found.get("FunctionError", ""),
            "payload": _pretty(base64.b64decode(found["Payload"])),
            "log": base64.b64decode(found.get("LogResult", "")).decode(errors="replace"),
        }
        if request.headers.get("hx-request"):
            return render(request, "function_answer.html.j2", answer=answer)
        return _page(request, payload=payload, answer=answer)

    return await anyio.to_thread.run_sync(invoke)


def _pretty(payload: bytes) -> str:
    text = json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    return text.encode(errors="replace").decode()


def _events(request: Request) -> Response:
    """Server-sent events: the table of invocations, when there is another."""
    about = call(
        request, "GetFunctionConfiguration", "lambda", FunctionName=request.path_params["name"]
    )
    group = about["LoggingConfig"]["LogGroup"]

    def parts() -> dict[str, str]:
        found = invocations.recent(request, group)[:_SHOWN]
        return {"invocations": fragment(request, "invocations.html.j2", invocations=found)}

    return live.stream(request, parts, lambda: invocations.changes(request, group))


routes = [
    Route("/functions", _list),
    Route("/functions/{name}", _show),
    Route("/functions/{name}/invoke", _invoke, methods=["POST"]),
    Route("/functions/{name}/events", _events),
]
