"""The log of audits over a real S3: nothing is lost, counted twice, or overwritten."""

import json
import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

import sagemaker_emulator
from desk import audit_log
from desk.audit_log import PREFIX, AuditLog, TwiceError
from pipelines.root import ROOT
from pipelines.steps import audits
from tests.desk.service import Target

WRITER = """
import json, sys
import boto3
from desk.audit_log import AuditLog, TwiceError
from pipelines.steps import audits

s3 = boto3.client("s3", endpoint_url=sys.argv[1])
log = AuditLog(lambda: s3, lambda: sys.argv[2])
print("ready", flush=True)
for document in json.loads(sys.stdin.readline()):
    entry = audits.parse(document)
    try:
        log.write(entry)
        print("written", entry.id)
    except TwiceError:
        print("twice", entry.id)
"""


def entry(**values: Any) -> audits.Audit:
    return audits.Audit(
        **{
            "id": uuid.uuid4().hex, "when": audit_log.now(), "who": "Ada", "image": "1.jpg",
            "decision": "adjusted", "image_sha256": "0" * 64, "expected_quantity": 3,
            "verdict": "look", "true_count": 4, "model_count": 4, "probability": 0.25,
            "items": [{"sku": "A", "quantity": 3}], "shift": "a", **values,
        }
    )  # fmt: skip


@pytest.fixture
def bucket(target: Target) -> str:
    name = f"b-{uuid.uuid4().hex[:12]}"
    target.line.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def log(target: Target, bucket: str) -> AuditLog:
    s3 = target.line.client("s3")
    return AuditLog(lambda: s3, lambda: bucket)


def test_what_is_written_is_read_by_another_desk(
    log: AuditLog, target: Target, bucket: str
) -> None:
    written = log.write(entry())
    s3 = target.line.client("s3")
    assert AuditLog(lambda: s3, lambda: bucket).read() == [written]
    key = f"{PREFIX}{written.when[:10]}/{written.id}.json"
    stored = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert stored["version"] == 1 and stored["who"] == "Ada"


def test_the_same_form_sent_again_adds_no_entry(log: AuditLog) -> None:
    first = entry()
    later = replace(first, when=audit_log.now())
    assert log.write(first) == log.write(later) == first
    assert log.read() == [first]


def test_a_form_that_is_sent_again_after_midnight_adds_no_entry(log: AuditLog) -> None:
    late = entry(when="2026-03-01T23:59:59.999999Z")
    log.write(late)
    assert log.write(replace(late, when="2026-03-02T00:00:01.000000Z")) == late
    assert log.read() == [late]


def test_the_same_form_with_another_decision_is_refused(log: AuditLog) -> None:
    first = log.write(entry())
    with pytest.raises(TwiceError, match=r"1\.jpg was decided from this page before"):
        log.write(replace(first, when=audit_log.now(), true_count=5))
    assert log.read() == [first]


def test_an_undo_is_an_entry_and_nothing_is_deleted(log: AuditLog) -> None:
    first = log.write(entry())
    undo = log.undo(first, uuid.uuid4().hex, "Grace")
    assert (undo.undoes, undo.who, undo.true_count) == (first.id, "Grace", None)
    assert len(log.read()) == 2
    assert audits.effective(log.read()) == []


def test_what_is_no_entry_is_never_written(log: AuditLog) -> None:
    with pytest.raises(audits.AuditError, match="true_count"):
        log.write(entry(true_count=3))
    assert log.read() == []


def test_other_objects_below_the_prefix_are_no_entries(
    log: AuditLog, target: Target, bucket: str
) -> None:
    target.line.client("s3").put_object(Bucket=bucket, Key=f"{PREFIX}shifts/a.json", Body=b"{}")
    target.line.client("s3").put_object(Bucket=bucket, Key=f"{PREFIX}2026-03-01/x.json", Body=b"{")
    written = log.write(entry())
    assert log.read() == [written]
    assert list(log.unreadable) == [f"{PREFIX}2026-03-01/x.json"]


def test_entries_before_a_day_are_left_out(log: AuditLog) -> None:
    log.write(entry(when="2026-03-01T23:59:59.999999Z"))
    second = log.write(entry(when="2026-03-02T00:00:00.000000Z"))
    assert log.read(date(2026, 3, 2)) == [second]


def test_before_there_is_a_bucket_the_log_is_empty(target: Target) -> None:
    s3 = target.line.client("s3")
    assert AuditLog(lambda: s3, lambda: "tally-not-there").read() == []


def test_an_s3_that_cannot_be_reached_is_an_error_and_not_a_loss(
    log: AuditLog, target: Target, bucket: str
) -> None:
    first = entry()
    gone = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    with pytest.raises(EndpointConnectionError):
        AuditLog(lambda: gone, lambda: bucket).write(first)
    log.write(first)
    assert log.read() == [first]


def test_two_desks_at_once_write_every_entry_once(
    log: AuditLog, target: Target, bucket: str
) -> None:
    """Two processes write entries of their own, and the same twenty forms with other decisions."""
    shared = [uuid.uuid4().hex for _ in range(20)]
    own = {who: [uuid.uuid4().hex for _ in range(20)] for who in ("Ada", "Grace")}
    server = sagemaker_emulator.status(target.line.state)
    assert server is not None
    environment = server["environment"]
    path = f"{ROOT}:{ROOT / 'emulator'}"
    processes = {
        who: subprocess.Popen(
            [sys.executable, "-c", WRITER, server["s3_url"], bucket],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**environment, "PYTHONPATH": path, "AWS_DEFAULT_REGION": "us-east-1"},
        )
        for who in own
    }
    for process in processes.values():
        assert process.stdout and process.stdout.readline() == "ready\n"
    for who, process in processes.items():
        entries = [
            entry(id=one, who=who) for pair in zip(shared, own[who], strict=True) for one in pair
        ]
        assert process.stdin
        process.stdin.write(json.dumps([one.as_document() for one in entries]) + "\n")
        process.stdin.flush()
    printed = {who: process.communicate(timeout=120)[0] for who, process in processes.items()}
    entries = log.read()
    assert {one.id for one in entries} == {*shared, *own["Ada"], *own["Grace"]}
    assert len(entries) == 60
    for one in entries:
        others = [text for who, text in printed.items() if who != one.who]
        assert f"written {one.id}" in printed[one.who]
        assert one.id not in shared or f"twice {one.id}" in others[0]


def test_the_time_of_an_entry_is_in_utc() -> None:
    written = datetime.fromisoformat(audit_log.now())
    assert abs((datetime.now(UTC) - written).total_seconds()) < 5
