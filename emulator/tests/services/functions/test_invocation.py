from pathlib import Path

import pytest
from function_archive import archive
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.services.functions import invocation, operations

ROLE = "arn:aws:iam::123456789012:role/lambda"


def test_an_invocation_that_fails_is_tried_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocation, "RETRY_AFTER", (0, 0))
    context = local_context(tmp_path)
    handler = "function.main.handler"
    operations.create_function(
        context,
        {
            "FunctionName": "f",
            "Runtime": "python3.11",
            "Handler": handler,
            "Role": ROLE,
            "Code": {"ZipFile": archive("def handler(event, context): 1 / 0")},
        },
    )
    operations.invoke_function(context, {"FunctionName": "f", "InvocationType": "Event"})
    wait_until(lambda: list(context.logs.read("/aws/lambda/f", "asynchronous")), 20)
    (line,) = context.logs.read("/aws/lambda/f", "asynchronous")
    assert "given up after 3 tries" in line
    assert "ZeroDivisionError" in line
    reports = [line for line in context.logs.read("/aws/lambda/f", "") if "REPORT" in line]
    assert len(reports) == 3
    assert context.store.list("invocation") == []
