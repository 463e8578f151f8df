from __future__ import annotations

import json
from typing import Any

import pytest
from pipeline_steps import condition, definition, fail, get, lambda_step, processing

from sagemaker_emulator.sagemaker.pipelines.language.definition import parse, parse_duration
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError

VERSION = "2020-12-01"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "Unable to parse pipeline definition", id="not JSON"),
        pytest.param("[]", "expecting a JSON object", id="not an object"),
        pytest.param('{"Version": "1"}', "use '2020-12-01'", id="version"),
        pytest.param(definition(), "at least one entry in Steps", id="no steps"),
        pytest.param(definition(fail("A"), fail("A")), "'A' is used twice", id="step name twice"),
        pytest.param(definition(fail("a b")), "Step name 'a b'", id="step name"),
        pytest.param(
            json.dumps({"Version": VERSION, "Parameter": []}),
            "Unknown member 'Parameter' in the definition: allowed are Version, Metadata",
            id="unknown member",
        ),
    ],
)
def test_wrong_document_is_refused(text: str, message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        parse(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        pytest.param(
            {"Name": "P", "Type": "Date"},
            "Type of parameter 'P' is 'Date': allowed are String, Integer, Float, Boolean",
            id="type",
        ),
        pytest.param(
            {"Name": "P", "Type": "Integer", "DefaultValue": "x"},
            "DefaultValue of parameter 'P' is 'x'",
            id="default",
        ),
    ],
)
def test_wrong_parameter_is_refused(parameter: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        parse(definition(fail("A"), parameters=[parameter]))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        pytest.param(
            {"CacheConfig": {"Enabled": True, "ExpireAfter": "soon"}},
            "CacheConfig.ExpireAfter of step 'Prepare': 'soon'",
            id="cache duration",
        ),
        pytest.param(
            {"RetryPolicies": [{"ExceptionType": ["Step.OOPS"]}]},
            "RetryPolicies.ExceptionType of step 'Prepare'",
            id="retry exception",
        ),
        pytest.param(
            {"RetryPolicies": [{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 50}]},
            "RetryPolicies.MaxAttempts of step 'Prepare' is 50: allowed are 1 to 20",
            id="retry attempts",
        ),
    ],
)
def test_wrong_member_of_a_step_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        parse(definition(processing("Prepare", **members)))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P30D", 30 * 86400),
        ("PT1H", 3600),
        ("30dT5h", 30 * 86400 + 5 * 3600),
        ("T16m", 960),
        ("5y", 5 * 365 * 86400),
        ("P1M", 30 * 86400),
        ("P2W", 14 * 86400),
        ("P1.5DT0.5S", 1.5 * 86400 + 0.5),
    ],
)
def test_duration_is_converted_to_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "P0D", "x", "-P1D", "P99999999999D", 5])
def test_wrong_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)


def test_step_in_a_branch_knows_its_condition() -> None:
    steps = parse(definition(condition("Check", [], [fail("Yes")], [fail("No")]))).steps
    assert [(step.name, step.condition, step.branch) for step in steps.values()] == [
        ("Check", None, None),
        ("Yes", "Check", "IfSteps"),
        ("No", "Check", "ElseSteps"),
    ]


def test_step_waits_for_depends_on_references_and_its_condition() -> None:
    compare = {"Type": "Equals", "LeftValue": get("Steps.Prepare.ExitMessage"), "RightValue": "ok"}
    reference = {"image": get("Steps.Prepare.AppSpecification.ImageUri")}
    deploy = lambda_step("Deploy", "deploy", reference)
    text = definition(
        processing("Prepare"),
        condition("Check", [compare], [deploy], [fail("TooLow")]),
        processing("After", DependsOn=["TooLow"]),
    )
    assert parse(text).waits == {
        "Prepare": set(),
        "Check": {"Prepare"},
        "Deploy": {"Check", "Prepare"},
        "TooLow": {"Check"},
        "After": {"TooLow"},
    }
