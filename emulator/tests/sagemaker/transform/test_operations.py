"""Transform jobs against a real server process that does what each object's text says."""

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from local_context import local_context
from transform_batch import BUCKET, GROUP, ROLE, Batch, data_log

from sagemaker_emulator.sagemaker.endpoints.served_model import ServedModel
from sagemaker_emulator.sagemaker.jobs.job import Job, JobStopped
from sagemaker_emulator.sagemaker.jobs.kinds import TRANSFORM
from sagemaker_emulator.sagemaker.transform import batch as batch_module
from sagemaker_emulator.sagemaker.transform import operations


def test_each_object_has_an_output_in_the_same_sub_folder(batch: Batch, emulator: Emulator) -> None:
    batch.model()
    batch.put(a="one", deep__er__b="two")
    ended = batch.run()
    assert ended["TransformJobStatus"] == "Completed", ended.get("FailureReason")
    assert ended["TransformEndTime"] >= ended["TransformStartTime"] >= ended["CreationTime"]
    outputs = batch.outputs()
    assert {key: told["text"] for key, told in outputs.items()} == {
        "a.out": "one",
        "deep/er/b.out": "two",
    }
    told = outputs["a.out"]
    assert (told["kind"], told["accept"], told["encoding"]) == (
        "text/plain",
        "application/json",
        None,
    )
    assert "serving" in emulator.log(GROUP)
    listed = batch.sagemaker.list_transform_jobs(NameContains=batch.name)["TransformJobSummaries"]
    assert [job["TransformJobStatus"] for job in listed] == ["Completed"]


def test_limits_default_to_those_of_aws(batch: Batch, emulator: Emulator) -> None:
    batch.model()
    batch.put(a="slow", b="slow", c="slow")
    assert batch.run()["TransformJobStatus"] == "Completed"
    assert "MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD" in data_log(
        emulator, batch.name
    )
    told = batch.outputs().values()
    assert max(t["together"] for t in told) == 1
    # One connection, kept open. The container is told only what the request said, and the SDK's
    # defaults, which every container is.
    assert max(t["connections"] for t in told) == 1
    assert {k for t in told for k in t["variables"]} == {
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE",
        "SAGEMAKER_BATCH",
        "SAGEMAKER_BIND_TO_PORT",
    }


def test_container_may_set_the_limits(batch: Batch, emulator: Emulator) -> None:
    batch.model(PARAMETERS='{"MaxConcurrentTransforms": 3, "MaxPayloadInMB": 2}')
    batch.put(**{f"object{n}": "slow" for n in range(6)})
    assert batch.run()["TransformJobStatus"] == "Completed"
    assert "MaxConcurrentTransforms=3, MaxPayloadInMB=2" in data_log(emulator, batch.name)
    told = batch.outputs().values()
    assert max(t["together"] for t in told) == 3
    assert max(t["connections"] for t in told) == 3


def test_limits_of_the_request_come_before_the_containers(batch: Batch, emulator: Emulator) -> None:
    batch.model(PARAMETERS='{"MaxConcurrentTransforms": 3, "MaxPayloadInMB": 2}')
    batch.put(**{f"object{n}": "slow" for n in range(4)})
    strategy = {"BatchStrategy": "SingleRecord", "Environment": {"MINE": "1"}}
    assert batch.run(MaxConcurrentTransforms=2, MaxPayloadInMB=5, **strategy)["TransformJobStatus"]
    said = "MaxConcurrentTransforms=2, MaxPayloadInMB=5, BatchStrategy=SINGLE_RECORD"
    assert said in data_log(emulator, batch.name)
    told = list(batch.outputs().values())
    assert max(t["together"] for t in told) == 2
    variables = told[0]["variables"]
    assert variables["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] == "2"
    assert variables["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "5"
    assert variables["SAGEMAKER_BATCH_STRATEGY"] == "SINGLE_RECORD"


def test_limits_that_are_not_numbers_fail_the_job(batch: Batch) -> None:
    batch.model(PARAMETERS='{"MaxPayloadInMB": "much"}')
    batch.put(a="fine")
    assert "/execution-parameters returned" in batch.run()["FailureReason"]


def test_without_a_limit_an_object_is_sent_in_chunks(batch: Batch) -> None:
    batch.model()
    batch.put(a="x" * 3_000_000)
    assert batch.run(MaxPayloadInMB=0)["TransformJobStatus"] == "Completed"
    assert batch.outputs()["a.out"]["encoding"] == "chunked"


def test_an_object_that_fails_fails_the_job_and_the_others_are_kept(
    batch: Batch, emulator: Emulator
) -> None:
    batch.model()
    batch.put(a="fine", b="refuse", c="broken", d="y" * 1_100_000)
    ended = batch.run(MaxPayloadInMB=1, ModelClientConfig={"InvocationsMaxRetries": 0})
    assert ended["TransformJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("ClientError: See job logs for more information")
    assert "3 of 4 objects failed" in ended["FailureReason"]
    assert list(batch.outputs()) == ["a.out"]
    said = data_log(emulator, batch.name)
    key = f"[sagemaker logs]: {BUCKET}/{batch.name}/in"
    assert f"{key}/b: ClientError: 400\n" in said
    assert f'{key}/b: {{"error": "not a picture"}}' in said
    assert f"{key}/c: Bad HTTP status received from algorithm: 500\n" in said
    assert f"{key}/d: ClientError: the object has 1100000 bytes, more than MaxPayloadInMB" in said


@pytest.mark.parametrize(
    ("text", "retries", "status"),
    [
        pytest.param("flaky", 2, "Completed", id="a server error is tried again"),
        pytest.param("flaky", 1, "Failed", id="but no more often than asked"),
        pytest.param("die", 1, "Completed", id="a container that died comes up again"),
    ],
)
def test_retries(batch: Batch, text: str, retries: Any, status: Any) -> None:
    batch.model()
    batch.put(a=text)
    ended = batch.run(ModelClientConfig={"InvocationsMaxRetries": retries})
    assert ended["TransformJobStatus"] == status, ended.get("FailureReason")


def test_request_without_a_response_times_out(batch: Batch) -> None:
    batch.model()
    batch.put(a="hang")
    config = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    ended = batch.run(ModelClientConfig=config)
    assert "did not respond to /invocations request within 1 seconds" in ended["FailureReason"]


def test_stop_ends_the_job_at_once_and_stores_nothing(batch: Batch, emulator: Emulator) -> None:
    batch.model()
    batch.put(a="fine", b="hang")
    batch.create(MaxConcurrentTransforms=2)
    deadline = time.monotonic() + 20
    while "MaxConcurrentTransforms" not in data_log(emulator, batch.name):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    began = time.monotonic()
    batch.sagemaker.stop_transform_job(TransformJobName=batch.name)
    assert batch.until(batch.describe, "TransformJobStatus")["TransformJobStatus"] == "Stopped"
    assert time.monotonic() - began < 25  # the object hangs for 60
    assert batch.outputs() == {}


def test_a_stopped_job_whose_input_is_deleted_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = {"TransformJobName": "j", "TransformJobArn": "arn", "Request": {"ModelName": "m"}}
    job = Job(local_context(tmp_path), TRANSFORM, document, lambda: 1)

    def run(*_: Any) -> None:
        job.stop("Stopped")
        raise FileNotFoundError("input/1.jpg")

    monkeypatch.setattr(batch_module, "run", run)
    monkeypatch.setattr(ServedModel, "describe", lambda *_: None)
    with pytest.raises(JobStopped):
        operations.run(job)


def test_no_object_under_the_prefix(batch: Batch) -> None:
    batch.model()
    assert "No S3 objects found under S3 URL" in batch.run()["FailureReason"]


def test_job_of_a_container_that_does_not_start_has_the_reason(batch: Batch) -> None:
    batch.model(SAGEMAKER_BIND_TO_PORT="none")
    batch.put(a="fine")
    assert "invalid literal for int" in batch.run()["FailureReason"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DataProcessing": {"JoinSource": "Input"}}, "joins the lines of CSV"),
        ({"MaxPayloadInMB": 101}, "MaxPayloadInMB is 101; it cannot be greater than 100"),
        ({"MaxPayloadInMB": 6, "MaxConcurrentTransforms": 17}, "17 * 6; it cannot be greater"),
        ({"ModelName": "no-such-model"}, "Could not find model"),
    ],
    ids=["DataProcessing", "payload", "together", "model"],
)
def test_unsupported_transform_is_refused_by_name(batch: Batch, changes: Any, said: Any) -> None:
    batch.model()
    with pytest.raises(ClientError, match="ValidationException") as refused:
        batch.create(**changes)
    assert said in str(refused.value)


REPORTER = """
import boto3, json
def handler(event, context):
    key = event["detail"]["TransformJobName"] + "/event.json"
    boto3.client("s3").put_object(Bucket="bucket", Key=key, Body=json.dumps(event))
"""


def test_end_of_a_job_is_an_event(batch: Batch, emulator: Emulator) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", REPORTER)
    function = emulator.client("lambda").create_function(
        FunctionName=batch.name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="main.handler",
        Code={"ZipFile": packed.getvalue()},
    )["FunctionArn"]
    pattern = {
        "detail-type": ["SageMaker Transform Job State Change"],
        "detail": {"TransformJobName": [batch.name], "TransformJobStatus": ["Failed"]},
    }
    events = emulator.client("events")
    rule = events.put_rule(Name=batch.name, EventPattern=json.dumps(pattern))["RuleArn"]
    emulator.client("lambda").add_permission(
        FunctionName=batch.name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    events.put_targets(Rule=batch.name, Targets=[{"Id": "1", "Arn": function}])
    batch.model()
    batch.run()  # fails: there is no object

    deadline = time.monotonic() + 20
    key = f"{batch.name}/event.json"
    while "Contents" not in batch.s3.list_objects_v2(Bucket=BUCKET, Prefix=key):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    event = json.load(batch.s3.get_object(Bucket=BUCKET, Key=key)["Body"])
    assert event["resources"] == [batch.describe()["TransformJobArn"]]
