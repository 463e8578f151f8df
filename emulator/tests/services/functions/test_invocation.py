from pathlib import Path
from typing import Any

import pytest
from function_archive import archive
from local_context import local_context
from waiting import wait_until

from sagemaker_emulator.services.functions import invocation, operations, versions

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


def test_function_of_an_earlier_version_runs_and_has_the_defaults(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    folder = tmp_path / "functions" / "f" / "0123456789abcdef"
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
    answer = operations.invoke_function(context, request)
    assert answer["Payload"] == b"[1]"


def test_output_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "_MAX_OUTPUT", 10)
    context = local_context(tmp_path)
    code = archive("def handler(event, context): print('x' * 14)")
    request: Any = {"FunctionName": "f", "Runtime": "python3.11", "Role": ROLE}
    request |= {"Handler": "function.main.handler", "Code": {"ZipFile": code}}
    operations.create_function(context, request)
    operations.invoke_function(context, {"FunctionName": "f"})
    lines = list(context.logs.read("/aws/lambda/f", ""))
    assert lines[1:3] == ["x" * 10, "[the emulator left out 5 bytes of output]"]
