import json
from datetime import UTC

import pytest

from model_registry import endpoint as endpoints
from model_registry import lambda_handler
from model_registry.errors import EndpointBusyError, NotApprovedError, RegistryError
from model_registry.lambda_handler import handler
from tests.model_registry.served import existing_endpoint

FACTS = {"endpoint_name": "tally", "instance_type": "ml.m5.large"}


@pytest.fixture(autouse=True)
def role(monkeypatch):
    monkeypatch.setenv("EXECUTION_ROLE", "arn:aws:iam::123456789012:role/tally-execution")


def approval(arn, time="2026-11-22T16:00:00Z"):
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "time": time,
        "detail": {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"},
    }


def test_the_deploy_step_leaves_a_pending_version_for_approval(client, register):
    arn = register()
    answer = handler({"model_package_arn": arn, **FACTS}, None)
    assert answer["statusCode"] == 200
    assert answer["status"] == "left for approval"
    assert endpoints.read(client, "tally") is None


def test_the_deploy_step_promotes_an_approved_version(client, register):
    arn = register("Approved")
    answer = handler({"model_package_arn": arn, **FACTS}, None)
    assert (answer["status"], answer["version"]) == ("endpoint created", 1)
    assert json.loads(json.dumps(answer)) == answer


def test_an_approval_event_deploys_the_version_it_names_not_the_newest(client, register):
    older, _ = register("Approved", **FACTS), register("Approved", **FACTS)
    assert handler(approval(older), None)["version"] == 1
    assert existing_endpoint(client, "tally").next_model.package == older


def test_an_event_that_comes_twice_deploys_once(client, register):
    arn = register("Approved", **FACTS)
    handler(approval(arn), None)
    assert handler(approval(arn), None)["status"] == "already serving"


def test_an_event_that_comes_after_a_later_decision_changes_nothing(client, register):
    first, second = register("Approved", **FACTS), register("Approved", **FACTS)
    handler(approval(second, "2026-11-22T16:05:00Z"), None)
    assert handler(approval(first), None)["status"] == "superseded by a later decision"


def test_an_event_of_a_version_rejected_meanwhile_deploys_nothing(client, register):
    arn = register("Rejected", **FACTS)
    assert handler(approval(arn), None)["status"] == "left for approval"


def test_new_metadata_of_an_approved_version_are_no_approval(client, register):
    event = approval(register("Approved", **FACTS))
    event["detail"]["UpdatedModelPackageFields"] = ["CustomerMetadataProperties"]
    assert handler(event, None)["status"] == "not a decision"
    assert endpoints.read(client, "tally") is None
    event["detail"]["UpdatedModelPackageFields"] += ["ModelApprovalStatus"]
    assert handler(event, None)["version"] == 1


class Running:
    """Lambda's context of a function that has some seconds left."""

    def __init__(self, seconds):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return self.seconds * 1000


@pytest.mark.parametrize(("left", "waits"), [(300, 290), (4, 0)])
def test_an_endpoint_is_waited_for_while_there_is_time_to_say_why_not(
    client, register, monkeypatch, left, waits
):
    given = {}

    def busy(*_, wait_seconds, **__):
        given["wait_seconds"] = wait_seconds
        raise EndpointBusyError("Endpoint tally is Updating")

    monkeypatch.setattr(lambda_handler, "promote", busy)
    with pytest.raises(EndpointBusyError, match="is Updating"):
        handler(approval(register("Approved", **FACTS)), Running(left))
    assert given["wait_seconds"] == waits


@pytest.mark.parametrize(
    ("event", "message"),
    [
        pytest.param({"endpoint_name": "tally"}, "names no model package", id="no-package"),
        pytest.param({}, "has no keys", id="empty"),
    ],
)
def test_an_event_without_a_package_is_refused(client, event, message):
    with pytest.raises(RegistryError, match=message):
        handler(event, None)


def test_a_version_that_names_no_endpoint_is_refused(client, register):
    with pytest.raises(RegistryError, match="promote 1"):
        handler(approval(register("Approved")), None)


def test_of_two_approvals_in_one_second_the_later_one_counts(client, register):
    events = []
    for arn in [register() for _ in range(2)]:
        approved = {"ModelApprovalStatus": "Approved", "CustomerMetadataProperties": FACTS}
        client.update_model_package(ModelPackageArn=arn, **approved)
        when = client.describe_model_package(ModelPackageName=arn)["LastModifiedTime"]
        events.append(approval(arn, when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
    assert handler(events[1], None)["status"] == "endpoint created"
    assert handler(events[0], None)["status"] == "superseded by a later decision"


def test_a_version_rejected_while_its_endpoint_was_busy_is_left(client, register, monkeypatch):
    arn = register("Approved", **FACTS)

    def rejected_meanwhile(*_, **__):
        client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
        raise NotApprovedError("Version 1 of tally is Rejected")

    monkeypatch.setattr(lambda_handler, "promote", rejected_meanwhile)
    answer = handler(approval(arn), None)
    assert (answer["status"], answer["approval"]) == ("left for approval", "Rejected")
