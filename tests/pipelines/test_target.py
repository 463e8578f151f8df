"""Targets: the emulator is started unless it runs; for AWS, missing sign-ins are reported."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import sagemaker_emulator
from pipelines import NAME, target
from pipelines.provisioning import setup
from pipelines.root import ROOT, emulator_state
from pipelines.settings.layers import load
from pipelines.target import TargetError
from pipelines.upload import local_bins
from pipelines.upload.bin_images import upload_folder


@pytest.fixture
def environment() -> Iterator[None]:
    """Restore the process's environment, which `connect` changes on purpose."""
    kept = dict(os.environ)
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[variable]
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture
def state(environment: None, tmp_path: Path) -> Iterator[Path]:
    """The state folder of an emulator that is stopped before and after the test."""
    folder = tmp_path / "emulator"
    os.environ["EMULATOR_STATE"] = str(folder)
    yield folder
    command = [sys.executable, "-m", "sagemaker_emulator", "down", "--state", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60)


def test_the_emulator_is_started_once_and_supports_setup_and_upload(
    state: Path, bins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.environ["AWS_PROFILE"] = "somebody"
    session, settings = target.open_target("local")
    server = json.loads((state / "server.json").read_text())
    assert f"The emulator runs at {server['url']}" in capsys.readouterr().err
    assert os.environ["AWS_ENDPOINT_URL_S3"] == server["s3_url"]
    assert "AWS_PROFILE" not in os.environ
    assert session.client("sts").get_caller_identity()["Account"] == settings.account

    target.connect(load("local"))
    assert capsys.readouterr().err == ""

    assert {item.state for item in setup.setup(session, settings)} == {"created"}
    for number in range(10):  # newer than the pipeline's own, which no longer is on the first page
        group = f"{NAME}-{number}"
        session.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    assert {item.state for item in setup.setup(session, settings)} == {"exists"}
    reports: list[str] = []
    for _ in range(2):
        found = local_bins.look(bins, "DataSource", settings)
        upload_folder(session, settings, found, reports.append)
    assert len(reports) == 1


def test_an_emulator_that_does_not_start_is_reported_with_the_reason(
    environment: None, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    os.environ["EMULATOR_STATE"] = str(tmp_path / "file")
    with pytest.raises(TargetError, match="does not start") as caught:
        target.connect(load("local", {}))
    assert "python pipeline.py emulator up" in str(caught.value)


def test_the_state_folder_does_not_depend_on_the_current_directory(
    environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.environ.pop("EMULATOR_STATE", None)
    assert emulator_state() == ROOT / ".emulator"
    os.environ["EMULATOR_STATE"] = "mine"
    assert emulator_state() == tmp_path / "mine"


def test_a_server_that_is_gone_is_not_taken_for_one_that_runs(
    environment: None, tmp_path: Path
) -> None:
    os.environ["EMULATOR_STATE"] = str(tmp_path)
    where = {"pid": os.getpid(), "url": "http://127.0.0.1:9", "s3_url": "http://127.0.0.1:9"}
    (tmp_path / "server.json").write_text(json.dumps(where))
    assert sagemaker_emulator.status(emulator_state()) is None
    (tmp_path / "server.json").write_text("{")
    assert sagemaker_emulator.status(emulator_state()) is None


def test_a_proxy_and_another_emulator_are_bypassed(state: Path, tmp_path: Path) -> None:
    os.environ.pop("no_proxy", None)
    os.environ |= dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    os.environ["NO_PROXY"] = "intern.test"
    session, settings = target.open_target("local")
    assert os.environ["no_proxy"] == "intern.test,127.0.0.1,localhost"
    assert {item.state for item in setup.setup(session, settings)} == {"created"}

    # As after a restart of the machine: this state's number and port are another emulator's now.
    other = tmp_path / "other"
    other.mkdir()
    (other / "server.json").write_bytes((state / "server.json").read_bytes())
    assert sagemaker_emulator.status(emulator_state()) is not None
    os.environ["EMULATOR_STATE"] = str(other)
    assert sagemaker_emulator.status(emulator_state()) is None
    os.environ["EMULATOR_STATE"] = str(state)


def test_missing_credentials_are_reported_before_any_request(
    environment: None, tmp_path: Path
) -> None:
    os.environ |= {
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.raises(TargetError, match="no AWS credentials") as caught:
        target.connect(load("aws", {}))
    assert "aws sso login" in str(caught.value)


def test_an_endpoint_other_than_aws_is_reported(
    aws: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target.connect(load("aws", {}))
    warning = f"$AWS_ENDPOINT_URL is set: requests go to {aws.url}, not to AWS.\n"
    assert capsys.readouterr().err == warning
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    target.connect(load("aws", {}))
    assert capsys.readouterr().err == ""


def test_an_unknown_profile_is_reported(environment: None, tmp_path: Path) -> None:
    os.environ |= {"AWS_PROFILE": "nobody", "AWS_CONFIG_FILE": str(tmp_path / "none")}
    with pytest.raises(TargetError, match="nobody"):
        target.connect(load("aws", {}))


@pytest.mark.parametrize("profile", ["new", "expired"])
def test_an_expired_sign_in_is_reported_with_the_command_to_renew_it(
    environment: None, tmp_path: Path, profile: str
) -> None:
    session = "[sso-session s]\nsso_start_url = https://x.test/start\nsso_region = us-east-1\n"
    who = "sso_session = s\nsso_account_id = 123456789012\nsso_role_name = engineer\n"
    (tmp_path / "config").write_text(f"{session}[profile new]\n{who}[profile expired]\n{who}")
    if profile == "expired":
        cache = tmp_path / ".aws" / "sso" / "cache" / f"{hashlib.sha1(b's').hexdigest()}.json"
        cache.parent.mkdir(parents=True)
        cache.write_text('{"accessToken": "x", "expiresAt": "2026-01-01T00:00:00Z"}')
    command = [sys.executable, "pipeline.py", "status", "--target", "aws"]
    where = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "config")}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **where, "AWS_PROFILE": profile},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "cannot be reached" not in done.stderr
    assert done.stderr.endswith(". Sign in again: `aws sso login`.\n")


def test_the_account_comes_from_the_credentials(aws: Any) -> None:
    assert target.resolve(aws.session, load("aws", {})).account == "123456789012"


def test_credentials_of_another_account_are_refused(aws: Any) -> None:
    settings = load("aws", {"PIPELINE_ACCOUNT": "999999999999"})
    with pytest.raises(TargetError, match="999999999999") as caught:
        target.resolve(aws.session, settings)
    assert "123456789012" in str(caught.value)


def test_an_unreachable_aws_is_reported(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TargetError, match="cannot be reached"):
        target.resolve(boto3.Session(region_name="us-east-1"), load("aws", {}))
