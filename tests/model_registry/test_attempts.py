"""Deployments that fail, and approvals that met a busy endpoint: noted, told, never repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry import attempts, decisions
from model_registry import endpoint as endpoints
from model_registry.attempts import Failure
from model_registry.errors import EndpointBusyError, RegistryError
from model_registry.lambda_handler import handler
from model_registry.promotion import promote
from model_registry.versions import describe
from pipelines.serving import endpoint_status
from tests.model_registry.conftest import Server
from tests.model_registry.served import archive, place, register, rest, serving
from tests.model_registry.test_lambda_handler import approval


@pytest.fixture
def function(emulator: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[SageMakerClient]:
    """The function's environment, at the emulator."""
    keys = emulator.session.get_credentials()
    assert keys is not None
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", emulator.s3_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("EXECUTION_ROLE", "arn:aws:iam::123456789012:role/tally-execution")
    yield emulator.session.client("sagemaker", endpoint_url=emulator.url)


def group(client: SageMakerClient, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model package group of this test alone, which the function follows."""
    client.create_model_package_group(ModelPackageGroupName=name)
    monkeypatch.setenv("MODEL_PACKAGE_GROUP", name)
    return name


def approve(client: SageMakerClient, name: str, key: str = "model.tar.gz") -> dict[str, Any]:
    """Register a version for an endpoint and approve it; return the event."""
    arn = register(client, "PendingManualApproval", key, name)
    facts = {"endpoint_name": name, "instance_type": "ml.m5.large"}
    client.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", CustomerMetadataProperties=facts
    )
    when = describe(client, arn).modified.astimezone(UTC)
    return approval(arn, when.strftime("%Y-%m-%dT%H:%M:%SZ"))


def at_rest(name: str) -> dict[str, Any]:
    return {
        "detail-type": "SageMaker Endpoint State Change",
        "detail": {"EndpointName": name, "EndpointStatus": "IN_SERVICE"},
    }


def served(client: SageMakerClient, name: str) -> str:
    rest(client, name)
    return endpoint_status.require(client, name).model.package


def test_a_failed_deployment_is_noted_on_its_version_and_told_once(
    emulated: SageMakerClient,
) -> None:
    (first,) = serving(emulated, "noted")
    broken = register(emulated, key="gone/model.tar.gz")
    decided = datetime.now(UTC)
    promote(emulated, broken, place("noted"), decided_at=decided)
    rest(emulated, "noted")
    told: list[Failure] = []
    for _ in range(2):
        attempts.settle(emulated, endpoint_status.require(emulated, "noted"), told.append)
    version = describe(emulated, broken)
    (failure,) = told
    assert failure.version == version.version
    assert f"does not serve version {version.version}" in failure.message
    assert f"Version {first.rpartition('/')[2]} serves all requests" in failure.message
    assert "gone" in version.metadata[attempts.FAILURE]
    assert attempts.failed(version, decided)
    assert not attempts.failed(version, decided + timedelta(seconds=1))


def test_a_deployment_that_succeeds_is_told_to_nobody(emulated: SageMakerClient) -> None:
    serving(emulated, "quiet", "model.tar.gz", "model.tar.gz")
    told: list[Failure] = []
    attempts.settle(emulated, endpoint_status.require(emulated, "quiet"), told.append)
    assert told == []
    assert attempts.failed_config(emulated, endpoint_status.require(emulated, "quiet")) == ""


def test_a_change_that_is_announced_and_has_not_begun_is_no_failure(
    emulated: SageMakerClient,
) -> None:
    serving(emulated, "announced")
    config = promote(emulated, register(emulated), place("elsewhere")).endpoint_config_name
    resting = endpoint_status.require(emulated, "announced")
    attempts.begin(emulated, resting, config)
    told: list[Failure] = []

    attempts.settle(emulated, resting, told.append)
    assert attempts.failed_config(emulated, resting) == ""
    elsewhere = replace(resting, modified=resting.modified.astimezone(timezone(timedelta(hours=1))))
    assert not attempts.failed_config(emulated, elsewhere)  # on a machine in another time zone
    later = replace(resting, modified=resting.modified + timedelta(seconds=1))  # tried and undone
    assert attempts.failed_config(emulated, later) == config
    attempts.settle(emulated, later, told.append)
    assert len(told) == 1


def test_a_version_whose_deployment_failed_is_not_promoted_again(
    function: SageMakerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = group(function, "looping", monkeypatch)
    good, bad = approve(function, name), approve(function, name, "gone/model.tar.gz")
    first = good["detail"]["ModelPackageArn"]
    assert handler(good)["status"] == "endpoint created"
    assert served(function, name) == first
    assert handler(bad)["status"] == "endpoint updated"
    assert served(function, name) == first
    for _ in range(2):  # SageMaker may send an event more than once
        assert handler(at_rest(name))["status"] == "already serving"
    assert handler(bad)["status"] == "its deployment failed before"
    assert served(function, name) == first


def test_an_approval_that_met_a_busy_endpoint_is_carried_out_when_it_rests(
    function: SageMakerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = group(function, "later", monkeypatch)
    handler(approve(function, name))
    rest(function, name)
    handler(approve(function, name, "slow/model.tar.gz"))  # still starting
    third = approve(function, name)
    with pytest.raises(EndpointBusyError):
        handler(third)
    rest(function, name)
    assert handler(at_rest(name))["status"] == "endpoint updated"
    assert served(function, name) == third["detail"]["ModelPackageArn"]
    assert handler(at_rest(name))["status"] == "already serving"


def test_a_configuration_that_somebody_made_by_hand_stays(
    function: SageMakerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = group(function, "hands", monkeypatch)
    handler(approve(function, name))
    rest(function, name)
    config = endpoint_status.require(function, name).config
    variants = function.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    other = register(function, "Approved", group="tally")
    promote(function, other, place("elsewhere"))
    rest(function, "elsewhere")
    model = endpoint_status.require(function, "elsewhere").model.name
    function.create_endpoint_config(
        EndpointConfigName="hands-made", ProductionVariants=[{**variants[0], "ModelName": model}]
    )
    function.update_endpoint(EndpointName=name, EndpointConfigName="hands-made")
    rest(function, name)
    for status in (
        "no decision is left to carry out",
        "the endpoint serves a model of another group",
    ):
        assert handler(at_rest(name))["status"] == status
    assert served(function, name) == other
    assert endpoint_status.describe(function, name)["failed_version"] is None


def test_a_note_does_not_make_a_version_the_one_decided_on_last(
    function: SageMakerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = group(function, "noteworthy", monkeypatch)
    first, second = approve(function, name), approve(function, name)
    handler(first)
    rest(function, name)
    handler(second)
    rest(function, name)
    earlier, later = (event["detail"]["ModelPackageArn"] for event in (first, second))
    function.update_model_package(
        ModelPackageArn=earlier, CustomerMetadataProperties={"shelf": "A 7"}
    )
    last = decisions.last(function, name, name)
    assert last and last.arn == later
    assert handler(at_rest(name))["status"] == "already serving"


def test_a_model_that_was_overwritten_after_its_registration_is_refused_and_told(
    function: SageMakerClient, emulator: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = group(function, "overwritten", monkeypatch)
    s3 = emulator.session.client("s3", endpoint_url=emulator.s3_url)
    s3.put_object(Bucket="models", Key="own/model.tar.gz", Body=archive("serve"))
    event = approve(function, name, "own/model.tar.gz")
    s3.put_object(Bucket="models", Key="own/model.tar.gz", Body=archive("other"))
    result = handler(event)
    assert result["status"] == "refused"
    assert "s3://models/own/model.tar.gz, was overwritten" in result["reason"]
    version = describe(function, event["detail"]["ModelPackageArn"])
    assert "was overwritten" in version.metadata[attempts.FAILURE]
    assert endpoints.read(function, name) is None
    assert handler(event)["status"] == "its deployment failed before"


def test_an_approval_of_a_version_that_is_deleted_meanwhile_ends(
    function: SageMakerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = group(function, "deleted-version", monkeypatch)
    event = approve(function, name)
    function.delete_model_package(ModelPackageName=event["detail"]["ModelPackageArn"])
    assert handler(event)["status"] == "the version was deleted"
    assert endpoints.read(function, name) is None


def test_the_deploy_step_fails_on_a_deleted_version(
    function: SageMakerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = group(function, "deleted-by-then", monkeypatch)
    arn = register(function, group=name)
    function.delete_model_package(ModelPackageName=arn)
    with pytest.raises(RegistryError, match="has been deleted"):
        handler({"model_package_arn": arn, "endpoint_name": name, "instance_type": "ml.m5.large"})


def baking(name: str, config: str, instances: int) -> dict[str, Any]:
    variant = {
        "VariantName": "AllTraffic",
        "CurrentInstanceCount": instances,
        "DesiredInstanceCount": 2,
        "VariantStatus": [{"Status": "Baking"}],
    }
    pending = {"EndpointConfigName": config, "ProductionVariants": [variant]}
    return {
        "detail-type": "SageMaker Endpoint Deployment State Change",
        "detail": {"EndpointName": name, "PendingDeploymentSummary": pending},
    }


def test_only_a_version_with_all_traffic_is_tested_and_one_without_a_self_test_is_no_failure(
    function: SageMakerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = group(function, "baking", monkeypatch)
    handler(approve(function, name))
    rest(function, name)
    config = endpoint_status.require(function, name).config
    assert handler(baking(name, config, 1))["status"].startswith("no version of this group has all")
    tested = handler(baking(name, config, 2))
    assert (tested["status"], tested["passed"]) == ("tested", None)
    assert "its archive holds no self-test" in tested["message"]


def test_a_late_event_of_a_deployment_tests_no_version_that_serves_by_then(
    function: SageMakerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = group(function, "late", monkeypatch)
    handler(approve(function, name))
    rest(function, name)
    config = endpoint_status.require(function, name).config
    handler(approve(function, name))
    rest(function, name)
    assert handler(baking(name, config, 2))["status"].startswith("no version of this group has all")
