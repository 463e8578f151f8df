"""Versions of another account's registry, promoted in this one: two accounts of moto."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends
from types_boto3_sagemaker import SageMakerClient

from model_registry import attempts, lambda_handler
from model_registry import endpoint as endpoints
from model_registry.attempts import Failure
from model_registry.configuration import Placement
from model_registry.errors import NotApprovedError
from model_registry.promotion import ALREADY, CREATED, promote
from pipelines.serving import package_group
from tests.model_registry.served import Register

PRODUCTION = "210987654321"
GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/tally"
ROLE = f"arn:aws:iam::{PRODUCTION}:role/tally-execution-us-east-1"
PLACEMENT = Placement("tally", "ml.m5.large", ROLE)


@pytest.fixture
def there(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    """The account of production, which may read the registry of the other one."""
    for name in ("describe_model_package", "list_model_packages", "update_model_package"):
        monkeypatch.setattr(SageMakerModelBackend, name, _by_account(name))
    keys = session.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{PRODUCTION}:role/deployer", RoleSessionName="test"
    )["Credentials"]
    return boto3.Session(
        keys["AccessKeyId"],
        keys["SecretAccessKey"],
        keys["SessionToken"],
        region_name="us-east-1",
    )


@pytest.fixture
def production(there: boto3.Session) -> SageMakerClient:
    return there.client("sagemaker")


def _by_account(name: str) -> Any:
    """As on AWS: an ARN names its account, whose policy here allows to read; moto ignores it."""
    own = getattr(SageMakerModelBackend, name)

    def call(backend: SageMakerModelBackend, *arguments: Any, **members: Any) -> Any:
        texts = [one for one in (*arguments, *members.values()) if isinstance(one, str)]
        accounts = [one.split(":")[4] for one in texts if one.startswith("arn:")]
        if not accounts or accounts[0] == backend.account_id:
            return own(backend, *arguments, **members)
        if name.startswith("update"):
            raise AWSValidationException("the policy of the group does not allow an update")
        return own(sagemaker_backends[accounts[0]]["us-east-1"], *arguments, **members)

    return call


def test_a_version_of_the_registry_is_listed_and_promoted(
    production: SageMakerClient, register: Register
) -> None:
    approved, waiting = register("Approved"), register()
    listed = package_group.list_versions(production, GROUP)
    assert [one.arn for one in listed] == [waiting, approved]
    version = package_group.find(production, GROUP, 1)
    done = promote(production, version.arn, PLACEMENT)
    assert (done.status, done.version) == (CREATED, 1)
    endpoint = production.describe_endpoint(EndpointName="tally")
    assert endpoint["EndpointArn"].split(":")[4] == PRODUCTION
    current = endpoints.read(production, "tally")
    assert current and current.model.package == approved
    assert promote(production, version.arn, PLACEMENT).status == ALREADY


def test_nothing_is_made_in_the_account_of_the_registry(
    production: SageMakerClient, client: SageMakerClient, register: Register
) -> None:
    promote(production, register("Approved"), PLACEMENT)
    assert client.list_models()["Models"] == []
    assert client.list_endpoints()["Endpoints"] == []


def test_only_what_the_registry_has_approved_is_served(
    production: SageMakerClient, register: Register
) -> None:
    with pytest.raises(NotApprovedError):
        promote(production, register(), PLACEMENT)
    assert production.list_endpoints()["Endpoints"] == []


def test_the_model_has_a_name_that_the_stage_may_create(
    production: SageMakerClient, register: Register
) -> None:
    """The registry's group may have the name of another stage."""
    placement = replace(PLACEMENT, endpoint_name="tally-north")
    promote(production, register("Approved"), placement)
    (model,) = production.list_models()["Models"]
    assert model["ModelName"].startswith("tally-north-v1-")


def test_a_deployment_that_failed_is_told_and_not_noted_in_the_registry(
    production: SageMakerClient, register: Register
) -> None:
    promote(production, register("Approved"), PLACEMENT)
    current = endpoints.read(production, "tally")
    assert current
    failed = replace(current, status="Failed", failure="no capacity")
    told: list[Failure] = []
    attempts.settle(production, failed, told.append)
    assert [(one.version, one.reason) for one in told] == [(1, "no capacity")]


def test_the_registry_refuses_a_note_from_production(
    production: SageMakerClient, register: Register
) -> None:
    """Or the test above would show nothing."""
    with pytest.raises(ClientError, match="does not allow"):
        production.update_model_package(
            ModelPackageArn=register("Approved"), CustomerMetadataProperties={"a": "b"}
        )


def test_the_function_of_production_follows_its_endpoint_and_decides_nothing(
    there: boto3.Session,
    production: SageMakerClient,
    register: Register,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = register("Approved", decided_at=datetime(2026, 1, 1, tzinfo=UTC).isoformat())
    register(
        "Approved",
        decided_at=datetime(2030, 1, 1, tzinfo=UTC).isoformat(),
        endpoint_name="tally",
        instance_type="ml.m5.large",
    )
    promote(production, first, PLACEMENT)
    monkeypatch.setenv("MODEL_PACKAGE_GROUP", GROUP)
    monkeypatch.setattr(boto3, "client", there.client)
    event = {
        "detail-type": lambda_handler.ENDPOINT,
        "detail": {"EndpointName": "tally", "EndpointStatus": "IN_SERVICE"},
    }
    assert lambda_handler.handler(event)["status"] == lambda_handler.NOTHING_LEFT
    current = endpoints.read(production, "tally")
    assert current and current.model.package == first
    arn = production.describe_endpoint(EndpointName="tally")["EndpointArn"]
    assert endpoints.tags_of(production, arn)[attempts.ATTEMPT] == "", "settled"


def test_versions_of_a_group_of_the_same_name_here_are_not_of_the_registry() -> None:
    here = f"arn:aws:sagemaker:us-east-1:{PRODUCTION}:model-package/tally/1"
    there = json.loads(json.dumps(here).replace(PRODUCTION, "123456789012"))
    assert attempts.is_of(GROUP, there)
    assert not attempts.is_of(GROUP, here)
