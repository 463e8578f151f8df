"""The promotion function with its rules: as the template describes them."""

import io
import json
import os
import zipfile
from typing import Any

from pipelines.provisioning import setup
from pipelines.provisioning import template as cloudformation
from pipelines.provisioning.kinds.functions import package
from pipelines.root import ROOT
from pipelines.settings.model import Settings


def test_a_permission_that_cloudformation_created_is_recognised(aws: Any, local: Settings) -> None:
    setup.setup(aws.session, local)
    function = aws.session.client("lambda")
    function.remove_permission(FunctionName="tally-promote", StatementId="tally-model-approved")
    function.add_permission(
        FunctionName="tally-promote",
        StatementId="tally-ModelApprovedMayPromote-1ABC",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn="arn:aws:events:us-east-1:123456789012:rule/tally-model-approved",
    )
    assert {item.state for item in setup.setup(aws.session, local)} == {"exists"}


def test_the_rule_invokes_the_function_for_approved_versions(aws: Any, local: Settings) -> None:
    setup.setup(aws.session, local)
    events = aws.session.client("events")
    pattern = json.loads(events.describe_rule(Name="tally-model-approved")["EventPattern"])
    assert pattern["detail"] == {
        "ModelPackageGroupName": ["tally"],
        "ModelApprovalStatus": ["Approved"],
    }
    targets = events.list_targets_by_rule(Rule="tally-model-approved")["Targets"]
    function = aws.session.client("lambda").get_function(FunctionName="tally-promote")
    assert [target["Arn"] for target in targets] == [function["Configuration"]["FunctionArn"]]
    variables = function["Configuration"]["Environment"]["Variables"]
    assert variables["EXECUTION_ROLE"] == local.role_arn
    assert variables["MODEL_PACKAGE_GROUP"] == "tally"


def test_the_functions_zip_is_the_same_every_time() -> None:
    packed = package()
    for file in (ROOT / "model_registry").glob("*.py"):
        os.utime(file)
    assert package() == packed
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert "model_registry/lambda_handler.py" in names
    assert not [name for name in names if "__pycache__" in name]


def test_function_and_rule_are_those_of_the_template(
    aws: Any, local: Settings, template: dict[str, Any]
) -> None:
    setup.setup(aws.session, local)
    described = template["Resources"]["Promotion"]["Properties"]
    client = aws.session.client("lambda")
    function = client.get_function_configuration(FunctionName="tally-promote")
    assert described["FunctionName"] == "${Name}-promote"
    for member in ("Handler", "Runtime", "Timeout", "MemorySize", "Description"):
        assert function[member] == described[member]
    described = template["Resources"]["ModelApproved"]["Properties"]
    rule = aws.session.client("events").describe_rule(Name="tally-model-approved")
    assert described["Name"] == "${Name}-model-approved"
    pattern = cloudformation.properties("ModelApproved", local)["EventPattern"]
    assert json.loads(rule["EventPattern"]) == pattern


def test_the_function_gets_what_the_template_gives_it(aws: Any, on_aws: Settings) -> None:
    setup.setup(aws.session, on_aws)
    described = cloudformation.properties("Promotion", on_aws)["Environment"]["Variables"]
    client = aws.session.client("lambda")
    function = client.get_function_configuration(FunctionName="tally-promote")
    variables = function["Environment"]["Variables"]
    assert set(variables) == set(described)
    for name in ("CAPTURE", "ROLLOUT", "SCALING", "SECURITY", "SERVERLESS", "TAGS"):
        assert json.loads(variables[name]) == json.loads(described[name])
    for name in ("INSTANCE_COUNT", "MODEL_PACKAGE_GROUP", "STOP_AT"):
        assert variables[name] == described[name]


def test_an_approval_that_fails_for_good_goes_to_the_queue(aws: Any, on_aws: Settings) -> None:
    setup.setup(aws.session, on_aws)
    url = aws.session.client("sqs").get_queue_url(QueueName="tally-lost-approvals")["QueueUrl"]
    arn = aws.session.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    config = aws.session.client("lambda").get_function_event_invoke_config(
        FunctionName="tally-promote"
    )
    destination = config["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == arn["Attributes"]["QueueArn"]
    assert config["MaximumEventAgeInSeconds"] == 21600
