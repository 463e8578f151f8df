import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator_process import Emulator
from function_archive import function_request
from local_context import local_context
from processes import runs
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services.functions import invocation, invoker, operations, versions
from sagemaker_emulator.services.functions.invoke import invoke_async, invoke_function

ROLE = "arn:aws:iam::123456789012:role/lambda"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
# Starts a process that leaves its session and forgets its environment, and says its number.
STRAY = """
import os, pathlib, subprocess, sys, time
def handler(event, context):
    away = "setsid sh -c 'echo $$; exec env -i sleep 600 > /dev/null 2>&1' & wait"
    started = subprocess.Popen(["sh", "-c", away], stdout=-1, text=True, start_new_session=True)
    stray = int(started.stdout.readline())
    if event.get("file"):
        pathlib.Path(event["file"] + ".new").write_text(str(stray))
        os.replace(event["file"] + ".new", event["file"])
    if event.get("crash"):
        os._exit(1)
    time.sleep(event.get("sleep", 0))
    return stray
"""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path / "state")
    yield made
    made.functions.stop()
    made.containers.close()


def create(context: Context, source: str, **more: Any) -> None:
    operations.create_function(context, function_request("f", source, **more))


def invoke(context: Context, event: object) -> dict[str, Any]:
    request: Any = {"FunctionName": "f", "Payload": json.dumps(event).encode()}
    return dict(invoke_function(context, request))


def test_an_invocation_that_fails_is_tried_three_times(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoker, "RETRY_AFTER", (0, 0))
    create(context, "def handler(event, context): 1 / 0")
    invoke_function(context, {"FunctionName": "f", "InvocationType": "Event"})
    wait_until(lambda: list(context.logs.read("/aws/lambda/f", "asynchronous")), 20)
    (line,) = context.logs.read("/aws/lambda/f", "asynchronous")
    assert "given up after 3 tries" in line
    assert "ZeroDivisionError" in line
    reports = [line for line in context.logs.read("/aws/lambda/f", "") if "REPORT" in line]
    assert len(reports) == 3
    assert context.store.list("invocation") == []


def test_the_older_form_of_an_asynchronous_invocation_runs_the_function(context: Context) -> None:
    create(context, "def handler(event, context): print('got', event['a'])")
    sent: Any = {"FunctionName": "f", "InvokeArgs": b'{"a": 5}'}
    assert invoke_async(context, sent) == {"Status": 202}
    wait_until(lambda: any("got 5" in line for line in context.logs.read("/aws/lambda/f", "")), 20)


def test_invocations_are_measured(context: Context) -> None:
    create(context, "def handler(event, context): 1 / event")
    for event in (1, 0, 1):
        invoke(context, event)

    def sums(metric: str) -> list[tuple[float, float]]:
        found = context.metrics.sums("AWS/Lambda", {"FunctionName": "f"}, metric, None)
        return [(each.samples, each.total) for each in found]

    assert sum(total for _, total in sums("Invocations")) == 3
    assert sum(total for _, total in sums("Errors")) == 1
    assert sum(samples for samples, _ in sums("Duration")) == 3


def test_function_of_an_earlier_version_runs_and_has_the_defaults(context: Context) -> None:
    folder = context.state / "functions" / "f" / "0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text("def handler(event, context): return event")
    context.store.put(
        "function",
        "f",
        {
            **{"FunctionName": "f", "Version": "$LATEST", "Handler": "main.handler", "Role": ROLE},
            **{"Runtime": "python3.11", "Timeout": 30, "MemorySize": 128, "Description": ""},
            **{"CodeSha256": "x", "CodeSize": 1, "Folder": folder.name, "PackageType": "Zip"},
            **{"FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f"},
            **{"State": "Active", "Architectures": ["x86_64"], "Tags": {}, "Statements": []},
            **{"RevisionId": "r", "LastModified": "2026-11-01T00:00:00.000+0000"},
        },
    )
    name: Any = {"FunctionName": "f"}
    shown = operations.get_configuration(context, name)
    assert shown["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
    made: Any = versions.publish_version(context, name)
    assert made["Version"] == "1"
    request: Any = {**name, "Payload": b"[1]", "Qualifier": "1"}
    answer = invoke_function(context, request)
    assert answer["Payload"] == b"[1]"


def test_output_is_limited(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "_MAX_OUTPUT", 10)
    create(context, "def handler(event, context): print('x' * 14)")
    invoke(context, None)
    lines = list(context.logs.read("/aws/lambda/f", ""))
    assert lines[1:3] == ["x" * 10, "[the emulator left out 5 bytes of output]"]


@LINUX
def test_process_that_left_its_session_ends_with_its_invocation(
    context: Context, tmp_path: Path
) -> None:
    create(context, STRAY, Timeout=3)
    returned = int(invoke(context, {})["Payload"])
    assert not runs(returned)
    events: list[dict[str, object]] = [{"crash": True}, {"sleep": 60}]
    for number, event in enumerate(events):
        file = tmp_path / f"stray-{number}"
        failed = invoke(context, {**event, "file": str(file)})
        assert failed["FunctionError"] == "Unhandled"
        assert not runs(int(file.read_text()))
    assert list((context.state / "invocations").iterdir()) == []


def test_what_was_printed_before_the_timeout_is_in_the_log(context: Context) -> None:
    source = "import time\ndef handler(event, context):\n    print('began'); time.sleep(60)"
    create(context, source, Timeout=1)
    invoke(context, None)
    lines = list(context.logs.read("/aws/lambda/f", ""))
    assert lines[1] == "began"
    assert "Task timed out after 1.00 seconds" in lines[2]


def test_a_thread_that_the_handler_left_does_not_hold_its_response(context: Context) -> None:
    source = (
        "import threading, time\ndef handler(event, context):\n"
        "    threading.Thread(target=time.sleep, args=(600,)).start()\n    return 1"
    )
    create(context, source, Timeout=60)
    began = time.monotonic()
    assert invoke(context, None)["Payload"] == b"1"
    assert time.monotonic() - began < 60


@LINUX
def test_process_that_left_its_session_ends_with_a_killed_emulator(
    own_emulator: Callable[..., Emulator], tmp_path: Path
) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    functions, file = emulator.client("lambda"), tmp_path / "stray"
    functions.create_function(**function_request("f", STRAY, Timeout=600))
    event = json.dumps({"sleep": 600, "file": str(file)})
    functions.invoke(FunctionName="f", InvocationType="Event", Payload=event)
    wait_until(file.exists, 30)
    stray = int(file.read_text())
    assert runs(stray)
    emulator.kill()
    wait_until(lambda: not runs(stray))


def test_an_invocation_that_the_end_of_the_server_ends_does_not_count(
    own_emulator: Callable[..., Emulator], tmp_path: Path
) -> None:
    """It is invoked again by the next server, as often as its tries are."""
    emulator, file = own_emulator(), tmp_path / "times"
    source = (
        "import time\ndef handler(event, context):\n"
        f"    open({str(file)!r}, 'a').write('x')\n    time.sleep(600)"
    )
    assert emulator.up().returncode == 0
    functions = emulator.client("lambda")
    functions.create_function(**function_request("f", source, Timeout=900))
    functions.invoke(FunctionName="f", InvocationType="Event")
    for times in range(1, 5):
        wait_until(lambda n=times: file.exists() and file.stat().st_size == n, 30)
        emulator.down()
        assert emulator.up().returncode == 0
