"""The log of audits: uploaded from a folder, and with a version wherever it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings.model import Settings
from pipelines.upload import audit_log
from pipelines.upload.bin_images import destination, upload_local
from pipelines.upload.errors import UploadError
from tests.steps.audit_entries import audit


@pytest.fixture
def log(tmp_path: Path, bins: Path) -> Path:
    """A log of two audits."""
    for number in (1, 2):
        audit(tmp_path / "audits", bins / f"bin-images/0000{number}.jpg", 3, 4)
    return tmp_path / "audits"


@pytest.fixture
def s3(aws: Any, local: Settings) -> Any:
    """A client, with the bucket."""
    client = aws.session.client("s3")
    client.create_bucket(Bucket=local.bucket_name)
    return client


def test_a_local_log_is_uploaded_with_its_entries_alone(
    aws: Any, local: Settings, s3: Any, log: Path
) -> None:
    (log / "notes.txt").write_text("no audit")
    reports: list[str] = []
    values = {"DataSource": "s3://elsewhere/bins", "AuditSource": str(log)}
    placed = upload_local(aws.session, local, values, reports.append)
    assert placed["AuditSource"] == destination(local, log)
    assert reports == [f"Uploaded 2 of 2 audits of {log} to {placed['AuditSource']}"]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=local.bucket_name)["Contents"]]
    assert len(keys) == 2 and all(key.endswith(".json") for key in keys)
    assert "DataVersion" not in placed  # the images are as they were


def test_another_audit_is_another_version(aws: Any, local: Settings, s3: Any, log: Path) -> None:
    address = f"s3://{local.bucket_name}/tally/audits"

    def version() -> object:
        return upload_local(aws.session, local, {"AuditSource": address})["AuditVersion"]

    def put(key: str, text: str) -> None:
        s3.put_object(Bucket=local.bucket_name, Key=f"tally/{key}", Body=text.encode())

    put("audits/2026-11-30/a.json", "{}")
    put("audits-of-others/2026-11-30/b.json", "{}")
    before = version()
    put("audits-of-others/2026-11-30/c.json", "{}")
    put("audits/README.txt", "no audit")
    assert version() == before
    put("audits/2026-12-01/d.json", "{}")
    assert version() != before


def test_a_version_that_is_given_is_kept_and_nothing_is_listed(aws: Any, local: Settings) -> None:
    values = {"AuditSource": "s3://nobodys-bucket/audits", "AuditVersion": "mine"}
    assert upload_local(aws.session, local, values) == values


def test_the_log_of_the_settings_has_a_version_too(aws: Any, local: Settings, s3: Any) -> None:
    address = f"s3://{local.bucket_name}/tally/audits/"
    s3.put_object(Bucket=local.bucket_name, Key="tally/audits/2026-11-30/a.json", Body=b"{}")
    data = local.data.model_copy(update={"audits": address})
    placed = upload_local(aws.session, local.model_copy(update={"data": data}), {})
    assert placed.keys() == {"AuditVersion"}


def test_a_prefix_without_audits_is_refused(aws: Any, local: Settings, s3: Any) -> None:
    address = f"s3://{local.bucket_name}/tally/audits"
    s3.put_object(Bucket=local.bucket_name, Key="tally/audits/shifts/a.json", Body=b"{}")
    with pytest.raises(UploadError, match=f"{address} has no audits"):
        upload_local(aws.session, local, {"AuditSource": address})


def test_a_log_in_no_bucket_is_refused(aws: Any, local: Settings) -> None:
    with pytest.raises(UploadError, match=r"cannot be listed \(NoSuchBucket\).*AuditVersion"):
        upload_local(aws.session, local, {"AuditSource": "s3://nobodys-bucket/tally/audits"})


def test_a_folder_that_is_no_log_is_refused_before_anything_is_sent(
    aws: Any, local: Settings, log: Path
) -> None:
    with pytest.raises(UploadError, match="does not exist"):
        audit_log.look(log / "none")
    (log / "old.json").write_text(json.dumps({"version": 0}))
    with pytest.raises(UploadError, match=r"1 of the 3 audits .* old\.json: the entry's version"):
        audit_log.look(log)
    shutil.rmtree(log)
    log.mkdir()
    with pytest.raises(UploadError, match=r"has no audits\. Audits are \.json files"):
        audit_log.look(log)
