from __future__ import annotations

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry.errors import RegistryError
from model_registry.versions import APPROVED
from pipelines.serving import package_group
from tests.model_registry.served import Register

GROUP = "tally"


def test_lists_newest_first_with_what_was_registered(
    client: SageMakerClient, register: Register
) -> None:
    register(accuracy="0.41")
    register("Approved")
    found = package_group.list_versions(client, GROUP)
    assert [(v.version, v.approval) for v in found] == [
        (2, "Approved"),
        (1, "PendingManualApproval"),
    ]
    assert found[1].metadata == {"accuracy": "0.41"}
    assert found[1].data_url == "s3://tally/model.tar.gz"


def test_approves_the_newest_pending_version_and_keeps_the_note(
    client: SageMakerClient, register: Register
) -> None:
    register()
    register()
    register("Rejected")
    done = package_group.decide(client, GROUP, APPROVED, note="counted by hand too")
    assert (done.version, done.approval, done.note) == (2, "Approved", "counted by hand too")
    assert package_group.find(client, GROUP, 1).approval == "PendingManualApproval"


def test_a_decision_can_be_changed_together_with_its_note(
    client: SageMakerClient, register: Register
) -> None:
    register()
    package_group.decide(client, GROUP, APPROVED, 1, "looks good")
    done = package_group.decide(client, GROUP, package_group.REJECTED, 1)
    assert (done.approval, done.note) == ("Rejected", "Rejected with pipeline.py")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        pytest.param(None, "Nothing to approve", id="nothing-pending"),
        pytest.param(1, "Version 1 of tally is Approved already.*promote 1", id="approved-already"),
        pytest.param(7, "has no version 7. It has 1", id="no-such-version"),
    ],
)
def test_an_impossible_approval_tells_what_to_do(
    client: SageMakerClient, register: Register, version: int | None, message: str
) -> None:
    register("Approved")
    with pytest.raises(RegistryError, match=message):
        package_group.decide(client, GROUP, APPROVED, version)


def test_without_a_group_there_is_nothing_to_approve(client: SageMakerClient) -> None:
    with pytest.raises(RegistryError, match=r"python pipeline\.py"):
        package_group.decide(client, GROUP, APPROVED)
    assert package_group.approved_data_url(client, GROUP) is None


def test_the_approved_model_is_the_newest_approved_one(
    client: SageMakerClient, register: Register
) -> None:
    register()
    assert package_group.approved_data_url(client, GROUP) is None
    register("Approved")
    assert package_group.approved_data_url(client, GROUP) == "s3://tally/model.tar.gz"


@pytest.mark.parametrize("text", ["3", "v3", "arn:aws:sagemaker:us-east-1:1:model-package/tally/3"])
def test_a_version_is_parsed_from_number_or_arn(text: str) -> None:
    assert package_group.parse_version(text) == 3


@pytest.mark.parametrize("text", ["", "three", "3.5", "-1"])
def test_a_text_that_is_not_a_version_is_refused(text: str) -> None:
    with pytest.raises(RegistryError, match="not a model version"):
        package_group.parse_version(text)
