"""Reserved concurrency of functions, through boto3: it throttles for real."""

import json
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator


def test_more_invocations_than_reserved_are_throttled(
    emulator: Emulator, functions: Any, function: str
) -> None:
    put = functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    assert put["ReservedConcurrentExecutions"] == 1
    shown = functions.get_function(FunctionName=function)["Concurrency"]
    assert shown == {"ReservedConcurrentExecutions": 1}
    errors: list[ClientError] = []

    def invoke() -> None:
        client = emulator.client("lambda")
        try:
            client.invoke(FunctionName=function, Payload=json.dumps({"sleep": 2}))
        except ClientError as problem:
            errors.append(problem)

    both = [threading.Thread(target=invoke) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    (refusal,) = errors
    assert refusal.response["Error"]["Code"] == "TooManyRequestsException"
    assert refusal.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    functions.delete_function_concurrency(FunctionName=function)
    assert "FunctionError" not in functions.invoke(FunctionName=function, Payload=b"{}")
    kept = functions.get_function_concurrency(FunctionName=function)
    assert "ReservedConcurrentExecutions" not in kept


def test_throttled_asynchronous_invocation_runs_when_there_is_a_place(
    emulator: Emulator, functions: Any, function: str
) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="lambda-events")
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    for at in range(2):
        payload = json.dumps({"write": f"{function}/{at}", "sleep": 0.3})
        functions.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = s3.list_objects_v2(Bucket="lambda-events", Prefix=f"{function}/")["KeyCount"]
        if found == 2:
            return
        time.sleep(0.1)
    raise AssertionError("the throttled invocation never ran")


def test_nothing_runs_where_nothing_may(functions: Any, function: str) -> None:
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        functions.invoke(FunctionName=function, Payload=b"{}")


def test_wrong_reservations_are_refused(functions: Any, function: str) -> None:
    with pytest.raises(ClientError, match=r"minimum value of \[100\]"):
        functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=901)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        functions.put_function_concurrency(FunctionName="none", ReservedConcurrentExecutions=1)
