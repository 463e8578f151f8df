"""Lambda functions, through boto3."""

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from function_archive import archive

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
    with pytest.raises(ClientError, match=r"UnknownOperationException.*PublishVersion"):
        functions.publish_version(FunctionName=function)


@pytest.mark.parametrize(
    "handler, kind",
    [
        ("function.nothing.handler", "Runtime.ImportModuleError"),
        ("function.main.nothing", "Runtime.HandlerNotFound"),
    ],
    ids=["module", "function"],
)
def test_missing_handler_is_reported(
    functions: Any, function: str, handler: Any, kind: str
) -> None:
    functions.update_function_configuration(FunctionName=function, Handler=handler)
    assert invoke(functions, function, {})[1]["errorType"] == kind


def test_permissions_added_at_once_are_all_kept(emulator: Emulator) -> None:
    functions = emulator.client("lambda")
    name = f"function-{uuid.uuid4().hex[:8]}"
    functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="function.main.handler",
        Code={"ZipFile": archive()},
    )

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
