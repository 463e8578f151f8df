"""Approving from GitHub: the template's role has the commands' permissions, and no more."""

import json
from typing import Any

import boto3
import pytest
from botocore.model import OperationModel

import pipeline
import sagemaker_emulator
from pipelines.provisioning import container_images
from pipelines.provisioning import template as cloudformation
from pipelines.settings.layers import load
from tests.cli.command_line import CommandLine
from tests.cli.test_approve import serving

__all__ = ["serving"]


@pytest.fixture(scope="module")
def role() -> dict[str, Any]:
    return dict(cloudformation.load()["Resources"]["ApprovalRole"]["Properties"])


@pytest.fixture(scope="module")
def allowed(role: dict[str, Any]) -> set[str]:
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    return {action for statement in statements for action in statement["Action"]}


def test_it_may_do_what_the_workflows_commands_do(
    serving: CommandLine, allowed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = sagemaker_emulator.status(serving.state)
    assert server
    for name, value in server["environment"].items():
        monkeypatch.setenv(name, value)
    session = boto3.Session(region_name="us-east-1")
    requested: set[str] = set()

    def keep(model: OperationModel, **_: Any) -> None:
        requested.add(f"{model.service_model.signing_name}:{model.name}")

    session.events.register("before-call", keep)
    settings = load("local").resolved("123456789012", container_images.tags())
    monkeypatch.setattr("pipelines.target.open_target", lambda _: (session, settings))

    assert pipeline.main(["approve", "2", "--yes", "--note", "reviewed"]) == 0
    assert pipeline.main(["endpoint", "--wait", "--timeout", "120"]) == 0
    assert pipeline.main(["reject", "2", "--note", "no"]) == 0

    # Both ways: what is requested is allowed, and what is allowed is requested; but for the list of
    # the bucket, which turns "denied" into "not there", and executions and scaling policies, which
    # these versions and this endpoint lack.
    assert requested == allowed - {
        "application-autoscaling:DescribeScalingPolicies",
        "s3:ListBucket",
        "sagemaker:ListPipelineParametersForExecution",
    }


def test_it_may_neither_register_nor_deploy_nor_start(allowed: set[str]) -> None:
    assert {action for action in allowed if action.split(":")[1].startswith(("Create", "Put"))} == (
        set()
    )
    changing = {
        action
        for action in allowed
        if not action.split(":")[1].startswith(("Describe", "List", "Get"))
    }
    assert changing == {"sagemaker:UpdateModelPackage"}


def test_only_the_protected_environment_gets_it(role: dict[str, Any]) -> None:
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    subject = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == {"Fn::Sub": "repo:${GitHubRepository}:environment:production"}
    assert "*" not in json.dumps(statement)
