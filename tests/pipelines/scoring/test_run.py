"""The transform jobs and the permissions they need; the command itself is in tests/cli."""

from pathlib import Path
from typing import Any

import pytest
from botocore.model import OperationModel

from pipelines.provisioning import setup
from pipelines.provisioning.template import properties
from pipelines.scoring import answers, batch, images, job, run
from pipelines.serving.stock_record import StockRecord
from pipelines.settings.model import Settings
from pipelines.settings.security import Security

KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b"
# Calls that boto3 does not make: obstore sends, lists, reads and deletes objects.
OBJECTS = {"s3:PutObject", "s3:ListBucket", "s3:GetObject", "s3:DeleteObject"}
# Needed only at times: a multipart upload, tags, an interrupted job, the model's role.
AT_TIMES = {
    "s3:AbortMultipartUpload",
    "sagemaker:AddTags",
    "sagemaker:StopTransformJob",
    "iam:PassRole",
}


@pytest.fixture
def approved(aws: Any, on_aws: Settings) -> Settings:
    """An account with one approved version."""
    setup.setup(aws.session, on_aws)
    aws.session.client("sagemaker").create_model_package(
        ModelPackageGroupName="tally",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": "tally-inference:1", "ModelDataUrl": "s3://tally/m.tar.gz"}],
            "SupportedContentTypes": ["image/jpeg"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    return on_aws


def test_scoring_makes_exactly_the_calls_that_its_policy_allows(
    aws: Any, approved: Settings, photos: Path
) -> None:
    calls = set()

    def keep(model: OperationModel, **_: Any) -> None:
        calls.add(f"{model.service_model.signing_name}:{model.name}")

    aws.session.events.register("before-call", keep)
    found = images.from_folder(photos)
    records = {"1.jpg": StockRecord([], 0)}
    version = batch.choose_version(aws.session.client("sagemaker"), "tally", None)
    jobs = run.run(aws.session, approved, version, found, records, lambda text, seconds: None)
    with pytest.raises(job.ScoringError, match="Its log: /aws/sagemaker/TransformJobs"):
        answers.collect(aws.session, approved, version.version, found, jobs)  # moto runs nothing

    policy = properties("Scoring", approved)["PolicyDocument"]
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert {"sagemaker:CreateTransformJob", "sagemaker:DeleteModel"} < calls
    assert calls | OBJECTS | AT_TIMES == allowed


def test_each_job_sends_one_content_type_within_the_limits_of_aws(
    approved: Settings, aws: Any, photos: Path
) -> None:
    version = batch.choose_version(aws.session.client("sagemaker"), "tally", None)
    jobs = job.plan(approved, version, images.from_folder(photos), {})
    requests = [job.request(one, "model", approved) for one in jobs]
    assert [r["TransformInput"]["ContentType"] for r in requests] == ["image/jpeg", "image/png"]
    for one, request in zip(jobs, requests, strict=True):
        assert len(request["TransformJobName"]) <= 63
        assert request["MaxConcurrentTransforms"] * request["MaxPayloadInMB"] <= 100
        assert f"/{one.name}/input/" in one.source and f"/{one.name}/output/" in one.output


def _secured(settings: Settings, instance: str) -> Settings:
    security = Security(
        subnets=("subnet-0a",), security_groups=("sg-0a",), isolated=True, kms_key=KEY
    )
    instances = settings.instances.model_copy(update={"inference": instance})
    return settings.model_copy(update={"security": security, "instances": instances})


@pytest.mark.parametrize(("instance", "disk"), [("ml.m5.large", KEY), ("ml.g5.xlarge", None)])
def test_model_and_jobs_have_the_network_and_the_key_of_the_settings(
    aws: Any, approved: Settings, photos: Path, instance: str, disk: str | None
) -> None:
    sent: dict[str, Any] = {}

    def keep(params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        sent[model.name] = params

    aws.session.events.register("before-parameter-build.sagemaker", keep)
    version = batch.choose_version(aws.session.client("sagemaker"), "tally", None)
    settings, found = _secured(approved, instance), images.from_folder(photos)
    run.run(aws.session, settings, version, found, {}, lambda text, seconds: None)
    created, job_sent = sent["CreateModel"], sent["CreateTransformJob"]
    assert created["VpcConfig"] == {"Subnets": ["subnet-0a"], "SecurityGroupIds": ["sg-0a"]}
    assert created["EnableNetworkIsolation"] is True
    assert job_sent["TransformResources"].get("VolumeKmsKeyId") == disk
    assert job_sent["TransformOutput"]["KmsKeyId"] == KEY
    tags = [{"Key": "project", "Value": "tally"}, {"Key": "stage", "Value": "prod"}]
    assert created["Tags"] == job_sent["Tags"] == tags


def test_without_security_nothing_of_it_is_sent(approved: Settings, aws: Any, photos: Path) -> None:
    version = batch.choose_version(aws.session.client("sagemaker"), "tally", None)
    (first, *_) = job.plan(approved, version, images.from_folder(photos), {})
    request = job.request(first, "model", approved)
    assert "KmsKeyId" not in request["TransformOutput"]
    assert "VolumeKmsKeyId" not in request["TransformResources"]
