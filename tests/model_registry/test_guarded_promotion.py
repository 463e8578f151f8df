"""Approvals in an emulator that `setup` has prepared: rules, function, alarms, queue and topic."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from types_boto3_sagemaker import SageMakerClient

import pipeline
from model_registry import attempts
from model_registry import endpoint as endpoints
from model_registry.versions import describe
from pipelines.provisioning import setup
from pipelines.settings.layers import load
from pipelines.settings.model import Settings
from tests.model_registry.conftest import Server
from tests.model_registry.served import archive, register, self_tested
from tests.model_registry.test_lambda_handler import approval

PATIENCE = 180.0  # seconds for what takes about 30 on an idle machine


@dataclass(frozen=True)
class Account:
    """An account with one stage of its own."""

    session: boto3.Session
    settings: Settings

    @property
    def client(self) -> SageMakerClient:
        return self.session.client("sagemaker")

    def approve(self, key: str = "model.tar.gz") -> str:
        """Register a version that serves the archive, and approve it; return its ARN."""
        arn = register(self.client, "PendingManualApproval", key, self.settings.name)
        facts = {"endpoint_name": self.settings.endpoint, "instance_type": "ml.m5.large"}
        self.client.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus="Approved", CustomerMetadataProperties=facts
        )
        return arn

    def serves(self, arn: str) -> bool:
        found = endpoints.read(self.client, self.settings.endpoint)
        return found is not None and found.status == "InService" and found.model.package == arn

    def notes_a_failure(self, arn: str) -> bool:
        return attempts.FAILURE in describe(self.client, arn).metadata

    def printed(self) -> str:
        """What the function has printed for this endpoint's stage so far."""
        group = f"/aws/lambda/{self.settings.function_name}"
        pages = self.session.client("logs").get_paginator("filter_log_events")
        lines = [one for page in pages.paginate(logGroupName=group) for one in page["events"]]
        return "\n".join(line["message"] for line in lines)

    def listen(self) -> Callable[[], list[str]]:
        """Subscribe a queue to what people are told; return what reads it so far."""
        sqs = self.session.client("sqs")
        name = f"{self.settings.name}-told"
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        self.session.client("sns").subscribe(
            TopicArn=self.settings.topic_arn,
            Protocol="sqs",
            Endpoint=self.settings.arn("sqs", name),
            Attributes={"RawMessageDelivery": "true"},
        )
        heard: list[str] = []

        def read() -> list[str]:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            for message in messages.get("Messages", []):
                heard.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return heard

        return read


@pytest.fixture
def account(emulator: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Account]:
    keys = emulator.session.get_credentials()
    assert keys is not None
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", emulator.s3_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    session = boto3.Session(region_name="us-east-1")
    session.client("s3").put_object(
        Bucket="models", Key="broken/model.tar.gz", Body=archive("broken")
    )

    def prepare(stage: str, **changed: str) -> Account:
        variables = {f"PIPELINE_{key.upper()}": value for key, value in changed.items()}
        settings = load("local", {"PIPELINE_STAGE": stage, **variables})
        resolved = settings.resolved("123456789012", {})
        setup.setup(session, resolved)
        opened = session, resolved
        monkeypatch.setattr("pipelines.target.open_target", lambda _: opened)
        return Account(session, resolved)

    return prepare


@dataclass
class Load:
    """Requests, one after the other, and what became of them."""

    account: Account
    answers: list[bool] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Load:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        client = self.account.session.client("sagemaker-runtime")
        while not self._ended.wait(0.02):
            try:
                client.invoke_endpoint(EndpointName=self.account.settings.endpoint, Body=b"bin")
                self.answers.append(True)
            except ClientError:
                self.answers.append(False)


def wait_until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.5)


@pytest.fixture
def one_retry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """botocore repeats a request that was answered with 500; a client under test must not."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    yield


@pytest.mark.usefixtures("one_retry")
def test_a_model_that_fails_every_request_is_rolled_back_noted_and_told(
    account: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    here = account("dev")
    told = here.listen()
    good = here.approve()
    wait_until(lambda: here.serves(good))
    with Load(here) as load:
        wait_until(lambda: len(load.answers) > 20)
        bad = here.approve("broken/model.tar.gz")
        wait_until(lambda: here.notes_a_failure(bad))
        asked = len(load.answers)
        wait_until(lambda: len(load.answers) > asked + 50)
    # Never more than the canary's share, and none after the rollback.
    assert 0 < load.answers.count(False) <= 0.1 * len(load.answers)
    assert all(load.answers[asked:])
    assert here.serves(good)
    reason = here.client.describe_endpoint(EndpointName="tally-dev")["FailureReason"]
    assert "tally-dev-errors" in reason
    assert "tally-dev-errors" in describe(here.client, bad).metadata[attempts.FAILURE]
    wait_until(lambda: any("does not serve version 2" in one for one in told()))
    assert any("Version 2 of tally-dev waits for approval" in one for one in told())

    assert pipeline.main(["endpoint", "--wait"]) == 1
    assert "Version 2 is approved, but could not be deployed" in capsys.readouterr().err
    pipeline.main(["endpoint", "--json"])
    assert json.loads(capsys.readouterr().out)["failed_version"] == 2
    pipeline.main(["models"])
    shown = capsys.readouterr().err
    assert "Version 2 could not be deployed" in shown and "tally-dev-errors" in shown
    configs = here.client.list_endpoint_configs(NameContains="tally-dev")["EndpointConfigs"]
    assert len(configs) == 2  # the rollback's own event has not promoted it again


def test_a_version_that_fails_its_smoke_test_is_rolled_back_by_its_alarm(
    account: Callable[..., Account],
) -> None:
    here = account("dev", endpoint="tally-dev-tested")
    s3 = here.session.client("s3")
    for name, expected in (("right", 3), ("wrong", 4)):
        body = self_tested(3, expected)
        s3.put_object(Bucket="models", Key=f"{name}/model.tar.gz", Body=body)
    first = here.approve("right/model.tar.gz")
    wait_until(lambda: here.serves(first))
    again = here.approve("right/model.tar.gz")
    wait_until(lambda: here.serves(again))
    wrong = here.approve("wrong/model.tar.gz")
    wait_until(lambda: here.notes_a_failure(wrong))
    assert here.serves(again)
    reason = describe(here.client, wrong).metadata[attempts.FAILURE]
    assert "tally-dev-tested-self-test" in reason
    printed = here.printed()
    assert "passed its smoke test: it counted 3, as the model had" in printed
    assert "it counted 3, the model had counted 4" in printed


def test_a_serverless_version_that_fails_its_smoke_test_is_told_and_rolled_back_by_hand(
    account: Callable[..., Account],
) -> None:
    """SageMaker guards no deployment of a serverless endpoint."""
    name = "tally-dev-serverless"
    here = account("dev", endpoint=name, instances_serverless_memory_mb="2048")
    s3, cloudwatch = here.session.client("s3"), here.session.client("cloudwatch")
    for folder, expected in (("right", 3), ("wrong", 4)):
        body = self_tested(3, expected)
        s3.put_object(Bucket="models", Key=f"{folder}/model.tar.gz", Body=body)
    first = here.approve("right/model.tar.gz")
    wait_until(lambda: here.serves(first) and "passed its smoke test" in here.printed())
    wrong = here.approve("wrong/model.tar.gz")
    wait_until(lambda: here.serves(wrong))
    wait_until(lambda: "it counted 3, the model had counted 4" in here.printed())

    def state() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[f"{name}-self-test"])["MetricAlarms"]
        return alarm["StateValue"]

    wait_until(lambda: state() == "ALARM")
    assert here.serves(wrong)
    assert pipeline.main(["rollback"]) == 0
    wait_until(lambda: here.serves(first))


def test_an_approval_that_meets_an_endpoint_busy_for_longer_than_all_tries_is_carried_out(
    account: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    here = account("staging", rollout_bake="30")
    function: Any = here.session.client("lambda")
    name = here.settings.function_name
    first = here.approve()
    wait_until(lambda: here.serves(first))
    # It gives up at once, three times within a few seconds, while the endpoint bakes for a minute.
    function.update_function_configuration(FunctionName=name, Timeout=10)
    second = here.approve()
    wait_until(lambda: endpoints.read(here.client, here.settings.endpoint).busy)  # type: ignore[union-attr]
    third = here.approve()
    sqs = here.session.client("sqs")
    lost = sqs.get_queue_url(QueueName="tally-staging-lost-approvals")["QueueUrl"]

    def messages() -> int:
        attributes = sqs.get_queue_attributes(QueueUrl=lost, AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    wait_until(lambda: messages() == 1)
    assert not here.serves(third)
    wait_until(lambda: here.serves(third))
    assert not here.notes_a_failure(second)
    function.update_function_configuration(FunctionName=name, Timeout=600)
    assert pipeline.main(["redrive"]) == 0
    assert "already serving" in capsys.readouterr().out
    assert messages() == 0


def test_scaling_follows_the_setting_and_a_new_version_keeps_the_count(
    account: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    changed = {"endpoint": "tally-dev-scaled", "rollout_bake": "0", "rollout_alarms": "[]"}
    here = account("dev", scaling_min="3", scaling_max="4", **changed)

    def shown() -> dict[str, Any]:
        pipeline.main(["endpoint", "--json"])
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    def has(arn: str, instances: int) -> bool:
        found = endpoints.read(here.client, here.settings.endpoint)
        return here.serves(arn) and found is not None and found.instances == instances

    first = here.approve()
    wait_until(lambda: has(first, 3))  # a new endpoint has two
    assert shown()["scaling"] == "3 to 4 instances, for 300 requests a minute each"
    second = here.approve()
    wait_until(lambda: has(second, 3))
    wait_until(lambda: here.printed().count('"scaling": "unchanged"') >= 2)
    assert here.printed().count('"scaling": "registered"') == 1

    here = account("dev", **changed)
    assert pipeline.main(["promote", "--yes", second.rpartition("/")[2]]) == 0
    assert "Scaling: deregistered (none)." in capsys.readouterr().out
    assert (shown()["scaling"], shown()["instances_now"]) == ("none", 3)


def lose(here: Account, arn: str) -> str:
    """Put an approval into the stage's queue, as Lambda does; return the queue's URL."""
    sqs = here.session.client("sqs")
    lost = sqs.get_queue_url(QueueName=f"{here.settings.name}-lost-approvals")["QueueUrl"]
    event = approval(arn, "2026-11-30T12:00:00Z")
    record = {"requestPayload": event, "responsePayload": {"errorMessage": "it was busy"}}
    sqs.send_message(QueueUrl=lost, MessageBody=json.dumps(record))
    return lost


def test_an_approval_of_a_deleted_version_leaves_the_queue_with_its_reason(
    account: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    here = account("dev")
    lost = lose(here, here.settings.arn("sagemaker", "model-package/tally-dev/99"))
    assert pipeline.main(["redrive"]) == 0
    captured = capsys.readouterr()
    assert "Approval of version 99 at 2026-11-30T12:00:00Z had failed: it was busy" in captured.err
    assert "Approval of version 99 at 2026-11-30T12:00:00Z: the version was deleted" in captured.out
    assert "Messages" not in here.session.client("sqs").receive_message(QueueUrl=lost)


def test_what_fails_again_stays_in_the_queue_and_is_named(
    account: Callable[..., Account], capsys: pytest.CaptureFixture[str]
) -> None:
    here = account("dev")
    sqs = here.session.client("sqs")
    arn = register(here.client, "Rejected", group=here.settings.name)  # names no endpoint
    lost = lose(here, arn)
    assert pipeline.main(["redrive"]) == 1
    captured = capsys.readouterr()
    approved = f"Approval of version {arn.rpartition('/')[2]} at 2026-11-30T12:00:00Z"
    assert f"{approved} had failed: it was busy" in captured.err
    assert f"{approved}: failed again: The endpoint_name is neither" in captured.out
    assert "stays in the queue" in captured.err
    assert sqs.receive_message(QueueUrl=lost)["Messages"]
    sqs.purge_queue(QueueUrl=lost)
