"""The template as a stack: in moto, and in the emulator, where its resources do something."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import sagemaker_emulator
from pipelines.provisioning import container_images, setup
from pipelines.provisioning.template import FILE
from pipelines.root import ROOT
from pipelines.settings.layers import load
from pipelines.settings.model import Settings

REPOSITORY = [{"ParameterKey": "GitHubRepository", "ParameterValue": "owner/name"}]
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]


@pytest.fixture
def emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """An emulator of this test alone."""
    images = ROOT / "emulator" / "tests" / "images"
    server = sagemaker_emulator.up(state=tmp_path / "state", images=images)
    for variable, value in server["environment"].items():
        monkeypatch.setenv(variable, value)
    yield boto3.Session(region_name="us-east-1")
    sagemaker_emulator.down(state=tmp_path / "state")


def ended(client: Any, stack: str) -> str:
    """The status of a stack when its change has ended."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        status = str(client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.2)
    raise AssertionError(f"{stack} is still {status}")


def reasons(client: Any, stack: str) -> list[str]:
    """Why something of a stack failed."""
    events = client.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [each for each in events if each["ResourceStatus"].endswith("FAILED")]
    return [f"{one['LogicalResourceId']}: {one['ResourceStatusReason']}" for one in failed]


@pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")  # moto makes a part of it
def test_the_stack_is_made_changed_and_deleted_in_moto(aws: Any) -> None:
    client: Any = aws.session.client("cloudformation")
    iam: Any = aws.session.client("iam")

    def roles() -> set[str]:
        return {role["RoleName"] for role in iam.list_roles()["Roles"]}

    request = {"StackName": "tally", "Capabilities": CAPABILITIES}
    client.create_stack(TemplateBody=FILE.read_text(), **request)
    assert ended(client, "tally") == "CREATE_COMPLETE"
    assert roles() >= {"tally-execution-us-east-1", "tally-promote-us-east-1"}
    client.update_stack(TemplateBody=FILE.read_text(), Parameters=REPOSITORY, **request)
    assert ended(client, "tally") == "UPDATE_COMPLETE"
    assert "tally-retraining-us-east-1" in roles()
    client.delete_stack(StackName="tally")
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_stacks(StackName="tally")


def test_the_stack_is_made_changed_and_deleted_in_the_emulator(
    emulated: boto3.Session, on_aws: Settings
) -> None:
    client: Any = emulated.client("cloudformation")
    request = {"StackName": "tally", "Capabilities": CAPABILITIES}
    stack = client.create_stack(TemplateBody=FILE.read_text(), **request)["StackId"]
    assert ended(client, "tally") == "CREATE_COMPLETE", reasons(client, "tally")

    # `setup` finds all of it, and brings what a template cannot hold: the function's code, and the
    # schedule of a pipeline that comes later.
    changed = [item for item in setup.setup(emulated, on_aws) if item.state != "exists"]
    brought = {"no-model marker", "Lambda function", "schedule"}
    assert {item.kind for item in changed} == brought, changed
    reply = emulated.client("lambda").invoke(FunctionName="tally-promote", Payload=b"{}")
    assert "replaced by" not in json.dumps(json.load(reply["Payload"]))

    client.update_stack(TemplateBody=FILE.read_text(), Parameters=REPOSITORY, **request)
    assert ended(client, "tally") == "UPDATE_COMPLETE", reasons(client, "tally")
    outputs = {
        one["OutputKey"]: one["OutputValue"]
        for one in client.describe_stacks(StackName="tally")["Stacks"][0]["Outputs"]
    }
    assert outputs["RetrainingRoleArn"].endswith(":role/tally-retraining-us-east-1")

    client.delete_stack(StackName="tally")
    assert ended(client, stack) == "DELETE_COMPLETE", reasons(client, stack)
    assert emulated.client("lambda").list_functions()["Functions"] == []
    emulated.client("s3").head_bucket(Bucket=on_aws.bucket_name)
    again = [*REPOSITORY, {"ParameterKey": "RetainedResources", "ParameterValue": "exist"}]
    client.create_stack(TemplateBody=FILE.read_text(), Parameters=again, **request)
    assert ended(client, "tally") == "CREATE_COMPLETE", reasons(client, "tally")


@pytest.mark.parametrize("stage", ["dev", "staging"])
def test_a_stages_stack_is_what_setup_makes(emulated: boto3.Session, stage: str) -> None:
    settings = load("aws", {"PIPELINE_STAGE": stage})
    settings = settings.resolved("123456789012", container_images.tags())
    client: Any = emulated.client("cloudformation")
    client.create_stack(
        StackName=settings.name,
        TemplateBody=FILE.read_text(),
        Capabilities=CAPABILITIES,
        Parameters=[{"ParameterKey": "Name", "ParameterValue": settings.name}],
    )
    assert ended(client, settings.name) == "CREATE_COMPLETE", reasons(client, settings.name)
    groups = emulated.client("logs").describe_log_groups()["logGroups"]
    kept = {group["logGroupName"]: group.get("retentionInDays") for group in groups}
    days = settings.security.log_days
    assert kept[f"/aws/lambda/{settings.name}-promote"] == days
    assert kept[f"/aws/sagemaker/Endpoints/{settings.name}"] == days
    changed = [item for item in setup.setup(emulated, settings) if item.state != "exists"]
    assert {item.kind for item in changed} == {"no-model marker", "Lambda function"}, changed
