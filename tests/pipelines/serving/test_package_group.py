import json

import pytest

from model_registry.errors import RegistryError
from model_registry.versions import APPROVED
from pipelines.serving import comparison, package_group

GROUP = "tally"


def test_lists_newest_first_with_what_was_registered(client, register):
    register(accuracy="0.41")
    register("Approved")
    found = package_group.list_versions(client, GROUP)
    assert [(v.version, v.approval) for v in found] == [
        (2, "Approved"),
        (1, "PendingManualApproval"),
    ]
    assert found[1].metadata == {"accuracy": "0.41"}
    assert found[1].data_url == "s3://tally/model.tar.gz"


def test_approves_the_newest_pending_version_and_keeps_the_note(client, register):
    register()
    register()
    register("Rejected")
    done = package_group.decide(client, GROUP, APPROVED, note="counted by hand too")
    assert (done.version, done.approval, done.note) == (2, "Approved", "counted by hand too")
    assert package_group.find(client, GROUP, 1).approval == "PendingManualApproval"


def test_a_decision_can_be_changed_and_its_words_with_it(client, register):
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
def test_what_cannot_be_approved_says_what_to_do(client, register, version, message):
    register("Approved")
    with pytest.raises(RegistryError, match=message):
        package_group.decide(client, GROUP, APPROVED, version)


def test_without_a_group_there_is_nothing_to_approve(client):
    with pytest.raises(RegistryError, match=r"python pipeline\.py"):
        package_group.decide(client, GROUP, APPROVED)
    assert package_group.approved_data_url(client, GROUP) is None


def test_the_approved_model_is_the_newest_approved_one(client, register):
    register()
    assert package_group.approved_data_url(client, GROUP) is None
    register("Approved")
    assert package_group.approved_data_url(client, GROUP) == "s3://tally/model.tar.gz"


@pytest.mark.parametrize("text", ["3", "v3", "arn:aws:sagemaker:us-east-1:1:model-package/tally/3"])
def test_a_version_is_named_by_number_or_arn(text):
    assert package_group.parse_version(text) == 3


@pytest.mark.parametrize("text", ["", "three", "3.5", "-1"])
def test_what_is_no_version_is_refused(text):
    with pytest.raises(RegistryError, match="not a model version"):
        package_group.parse_version(text)


def test_versions_are_compared_by_their_test_metrics(session, register):
    s3 = session.client("s3")
    s3.create_bucket(Bucket="tally")
    evaluation = {
        "multiclass_classification_metrics": {"accuracy": {"value": 0.5}},
        "regression_metrics": {"rmse": {"value": 1.25}},
        "tally": {"within_one_accuracy": 0.9},
    }
    s3.put_object(Bucket="tally", Key="e/evaluation.json", Body=json.dumps(evaluation))
    register(metrics_url="s3://tally/e/evaluation.json")
    register(metrics_url="s3://tally/gone/evaluation.json")
    gone, found = comparison.compare(session, GROUP, "tally", [])
    assert found.metrics == {"accuracy": 0.5, "rmse": 1.25, "within one": 0.9}
    assert (gone.metrics, gone.serving) == ({}, False)
    assert [c.version.version for c in comparison.compare(session, GROUP, "tally", ["1"])] == [1]
