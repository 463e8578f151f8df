"""Lambda functions, through boto3."""

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from function_archive import archive, function_request
from waiting import wait_until

ROLE = "arn:aws:iam::123456789012:role/lambda"


def invoke(functions: Any, name: str, payload: Any, **more: Any) -> Any:
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(payload), **more)
    return answer, json.loads(answer["Payload"].read() or b"null")


def test_a_function_runs_and_logs(emulator: Emulator, functions: Any, function: str) -> None:
    answer, payload = invoke(functions, function, {"a": 1}, LogType="Tail")
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    assert payload == {"got": {"a": 1}, "left": True}
    assert f"called me {function}" in base64.b64decode(answer["LogResult"]).decode()
    found = emulator.client("logs").filter_log_events(
        logGroupName=f"/aws/lambda/{function}", filterPattern="REPORT"
    )
    assert len(found["events"]) == 1


@pytest.mark.parametrize(
    "event, kind, message",
    [
        ({"fail": True}, "ValueError", "as asked"),
        ({"exit": True}, "Runtime.ExitError", "exited with status: 3"),
        ({"sleep": 5}, None, "timed out after 1.00 seconds"),
    ],
    ids=["raises", "exits", "too-long"],
)
def test_failing_function_responds_as_on_aws(
    functions: Any, function: str, event: Any, kind: str, message: str
) -> None:
    if "sleep" in event:
        functions.update_function_configuration(FunctionName=function, Timeout=1)
    answer, payload = invoke(functions, function, event)
    assert answer["FunctionError"] == "Unhandled"
    assert payload.get("errorType") == kind
    assert message in payload["errorMessage"]


def test_a_function_that_ends_before_it_has_read_its_event_is_a_failed_one(
    functions: Any, function: str
) -> None:
    functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": {"PYTHONHOME": "/nowhere"}}
    )
    for size in (10, 70_000, 1_000_000):  # a pipe holds 65,536 bytes
        answer, payload = invoke(functions, function, {"long": "x" * size})
        assert answer["FunctionError"] == "Unhandled"
        assert payload["errorType"] == "Runtime.ExitError"


def test_code_and_configuration_are_updated(functions: Any, function: str) -> None:
    before = functions.get_function(FunctionName=function)["Configuration"]
    functions.update_function_code(
        FunctionName=function, ZipFile=archive("def handler(event, context): return 'new'")
    )
    after = functions.get_function_configuration(FunctionName=function)
    assert after["CodeSha256"] != before["CodeSha256"]
    assert after["Environment"] == before["Environment"]
    assert invoke(functions, function, {})[1] == "new"


def test_unsupported_functions_are_refused(functions: Any, function: str) -> None:
    with pytest.raises(ClientError, match="ResourceConflictException"):
        functions.create_function(
            FunctionName=function,
            Runtime="python3.11",
            Role=ROLE,
            Handler="a.b",
            Code={"ZipFile": archive()},
        )
    with pytest.raises(ClientError, match=r"InvalidParameterValueException.*nodejs22\.x"):
        functions.create_function(
            FunctionName="js",
            Runtime="nodejs22.x",
            Role=ROLE,
            Handler="a.b",
            Code={"ZipFile": b"x"},
        )
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="nobody", Payload=b"{}")
    with pytest.raises(ClientError, match=r"UnknownOperationException.*CreateFunctionUrlConfig"):
        functions.create_function_url_config(FunctionName=function, AuthType="NONE")


@pytest.mark.parametrize(
    "handler, kind",
    [
        ("function.nothing.handler", "Runtime.ImportModuleError"),
        ("function.main.nothing", "Runtime.HandlerNotFound"),
        ("function", "Runtime.MalformedHandlerName"),
    ],
    ids=["module", "function", "no-module"],
)
def test_missing_handler_is_reported(
    functions: Any, function: str, handler: Any, kind: str
) -> None:
    functions.update_function_configuration(FunctionName=function, Handler=handler)
    assert invoke(functions, function, {})[1]["errorType"] == kind


@pytest.mark.parametrize(
    "source, kind",
    [
        ("return float('nan')", "Runtime.MarshalError"),
        ("return {1, 2}", "Runtime.MarshalError"),
        ("return 'x' * 7_000_000", "Function.ResponseSizeTooLarge"),
    ],
    ids=["nan", "set", "large"],
)
def test_result_that_is_no_response_is_a_failure(
    functions: Any, function: str, source: str, kind: str
) -> None:
    code = archive(f"def handler(event, context): {source}")
    functions.update_function_code(FunctionName=function, ZipFile=code)
    answer, payload = invoke(functions, function, {})
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == kind


def test_what_a_function_leaves_running_ends_with_it(functions: Any, function: str) -> None:
    source = """
import subprocess, threading, time
def handler(event, context):
    threading.Thread(target=time.sleep, args=(600,)).start()
    return subprocess.Popen(["sleep", "600"], close_fds=False).pid
"""
    functions.update_function_code(FunctionName=function, ZipFile=archive(source))
    functions.update_function_configuration(FunctionName=function, Timeout=300)
    answer, pid = invoke(functions, function, {})
    assert "FunctionError" not in answer
    wait_until(lambda: _is_gone(pid))


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(
    "payload, code",
    [
        (b"{nothing", "InvalidRequestContentException"),
        (b"[" * 100_000, "InvalidRequestContentException"),
        (b'{"a": NaN}', "InvalidRequestContentException"),
        (b"1e400", "InvalidRequestContentException"),
        (b"9" * 5_000, "InvalidRequestContentException"),
        (b'"\xff"', "InvalidRequestContentException"),
        (b'"' + b"x" * 7_000_000 + b'"', "RequestEntityTooLargeException"),
    ],
    ids=["no-json", "deep", "nan", "infinite", "digits", "no-text", "large"],
)
def test_payload_that_is_no_json_is_the_requests_fault(
    functions: Any, function: str, payload: bytes, code: str
) -> None:
    with pytest.raises(ClientError, match=code) as refused:
        functions.invoke(FunctionName=function, Payload=payload)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 413)


def test_handler_sees_what_the_client_says_of_itself(functions: Any, function: str) -> None:
    source = "def handler(event, context): return context.client_context.custom['k']"
    functions.update_function_code(FunctionName=function, ZipFile=archive(source))
    client = base64.b64encode(b'{"custom": {"k": "v"}}').decode()
    assert invoke(functions, function, {}, ClientContext=client)[1] == "v"
    with pytest.raises(ClientError, match="Client context must be a valid Base64-encoded JSON"):
        functions.invoke(FunctionName=function, ClientContext="{}")


@pytest.mark.parametrize(
    "source, kind",
    [("def handler(:", "Runtime.UserCodeSyntaxError"), ("1 / 0", "ZeroDivisionError")],
    ids=["syntax", "raises"],
)
def test_code_that_cannot_be_imported_is_reported(
    functions: Any, function: str, source: str, kind: str
) -> None:
    functions.update_function_code(FunctionName=function, ZipFile=archive(source))
    assert invoke(functions, function, {})[1]["errorType"] == kind


def test_permissions_added_at_once_are_all_kept(emulator: Emulator) -> None:
    functions = emulator.client("lambda")
    name = f"function-{uuid.uuid4().hex[:8]}"
    functions.create_function(**function_request(name))

    def permit(number: int) -> None:
        functions.add_permission(
            FunctionName=name,
            StatementId=f"s{number}",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(permit, range(40)))
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    assert {each["Sid"] for each in policy["Statement"]} == {f"s{n}" for n in range(40)}
