"""What one request deletes while another uses it: no fault of the emulator, and nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from function_archive import function_request
from local_context import local_context

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import code
from sagemaker_emulator.services.logs import events as log_events
from sagemaker_emulator.services.logs import groups, lines, log_files
from sagemaker_emulator.services.logs import streams as log_streams
from sagemaker_emulator.services.logs.log_files import LogFiles


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return local_context(tmp_path / "state")


def call(context: Context, service: str, name: str, **request: Any) -> dict[str, Any]:
    return dispatch.call(context, service, name, request)


def create_function(context: Context) -> None:
    call(
        context,
        "lambda",
        "CreateFunction",
        **function_request("f"),
    )


def while_another(
    monkeypatch: pytest.MonkeyPatch, where: Any, function: str, send: Callable[[], Any]
) -> Callable[[], None]:
    """Have another request come, the first time that a function is called, before it goes on.

    The other one may have to wait until the first is done. What is returned waits for it.
    """
    plain = getattr(where, function)
    other = threading.Thread(target=send)

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        if other.ident is None:
            other.start()
            other.join(0.5)
        return plain(*arguments, **named)

    monkeypatch.setattr(where, function, meanwhile)
    return other.join


def test_function_created_while_one_of_its_name_is_deleted_keeps_its_code(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_function(context)
    finish = while_another(monkeypatch, code, "delete", lambda: create_function(context))
    call(context, "lambda", "DeleteFunction", FunctionName="f")
    finish()
    function = context.store.get("function", "f")
    assert function is not None
    assert (code.folder_of(context, function) / "function/main.py").is_file()


def test_rule_deleted_while_it_is_enabled_is_no_fault(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(context, "events", "PutRule", Name="r", EventPattern='{"source": ["mine"]}')
    delete = lambda: call(context, "events", "DeleteRule", Name="r")  # noqa: E731
    finish = while_another(monkeypatch, context.store, "update", delete)
    call(context, "events", "DisableRule", Name="r")
    finish()
    assert context.store.list("rule") == []


def test_tags_that_a_log_group_gets_at_once_are_all_kept(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(context, "logs", "CreateLogGroup", logGroupName="g")
    slow = log_files.about_group

    def about_group(folder: Path) -> dict[str, Any]:
        about = slow(folder)
        time.sleep(0.02)  # between the read and the write
        return about

    for module in (log_files, groups):
        monkeypatch.setattr(module, "about_group", about_group)
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:g"

    def tag(number: int) -> None:
        call(context, "logs", "TagResource", resourceArn=arn, tags={str(number): "x"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tag, range(8)))
    tags = call(context, "logs", "ListTagsForResource", resourceArn=arn)["tags"]
    assert tags == {str(number): "x" for number in range(8)}


def test_log_group_deleted_while_groups_are_listed_is_left_out(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        call(context, "logs", "CreateLogGroup", logGroupName=name)
        call(context, "logs", "CreateLogStream", logGroupName=name, logStreamName="s")
    delete = lambda: call(context, "logs", "DeleteLogGroup", logGroupName="a")  # noqa: E731
    while_another(monkeypatch, groups, "group_name", delete)
    listed = call(context, "logs", "DescribeLogGroups")["logGroups"]
    assert [each["logGroupName"] for each in listed] == ["b"]


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("GetLogEvents", "ResourceNotFoundException"),
        ("FilterLogEvents", 0),
        ("DescribeLogStreams", 0),
        ("PutLogEvents", "ResourceNotFoundException"),
        ("DeleteLogStream", "ResourceNotFoundException"),
    ],
)
def test_log_stream_deleted_while_it_is_used_is_not_there(
    context: Context, monkeypatch: pytest.MonkeyPatch, operation: str, result: str | int
) -> None:
    call(context, "logs", "CreateLogGroup", logGroupName="g")
    stream = {"logGroupName": "g", "logStreamName": "s"}
    call(context, "logs", "CreateLogStream", **stream)
    event = {"timestamp": int(time.time() * 1000), "message": "m"}
    call(context, "logs", "PutLogEvents", **stream, logEvents=[event])
    module, function = {
        "GetLogEvents": (lines, "before"),
        "FilterLogEvents": (log_events, "stream_name"),
        "DescribeLogStreams": (log_streams, "stream_name"),
        "PutLogEvents": (log_events, "files"),
        "DeleteLogStream": (log_streams, "files"),
    }[operation]
    files = LogFiles(context.state / "logs")  # not through the function that calls this
    while_another(monkeypatch, module, function, lambda: files.delete_stream("g", "s"))
    request: dict[str, Any] = {
        **({"logGroupName": "g"} if result == 0 else stream),
        **({"logEvents": [event]} if operation == "PutLogEvents" else {}),
    }
    try:
        response = call(context, "logs", operation, **request)
    except ApiError as error:
        assert error.code == result
    else:
        assert len(response.get("events", response.get("logStreams", [1]))) == result
