from function_archive import archive
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.services.functions import invocation, operations
from sagemaker_emulator.services.logs.operations import filter_log_events

ROLE = "arn:aws:iam::123456789012:role/lambda"


def test_an_invocation_that_fails_is_tried_three_times(tmp_path, monkeypatch):
    monkeypatch.setattr(invocation, "RETRY_AFTER", (0, 0))
    context = local_context(tmp_path)
    code = {"ZipFile": archive("def handler(event, context): 1 / 0")}
    function = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "function.main.handler"}
    operations.create_function(context, {**function, "Role": ROLE, "Code": code})
    operations.invoke_function(context, {"FunctionName": "f", "InvocationType": "Event"})
    wait_until(lambda: list(context.logs.read("/aws/lambda/f", "asynchronous")), 20)
    (line,) = context.logs.read("/aws/lambda/f", "asynchronous")
    assert "given up after 3 tries" in line
    assert "ZeroDivisionError" in line
    found = filter_log_events(context, {"logGroupName": "/aws/lambda/f", "filterPattern": "REPORT"})
    assert len(found["events"]) == 3
    assert context.store.list("invocation") == []
