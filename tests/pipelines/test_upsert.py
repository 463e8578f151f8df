"""Upsert: compiled when something changed, and updated when it differs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines import upsert
from pipelines.code import Bundle, bundles
from pipelines.settings import Settings
from pipelines.setup import setup
from pipelines.target import ROOT


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for compiled definitions."""
    monkeypatch.setattr(upsert, "DEFINITIONS", tmp_path / "definitions")
    return tmp_path / "definitions"


def test_a_pipeline_is_created_then_unchanged_then_updated(
    aws: Any, local: Settings, kept: Path
) -> None:
    first = upsert.upsert(aws.session, local)
    assert (first.action, first.compiled) == ("created", True)
    assert {"train", "evaluate"} <= set(first.uploaded)
    assert {item.state for item in first.items} == {"made"}
    assert "made       bucket" in str(first)
    assert "created    pipeline arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally" in str(
        first
    )

    second = upsert.upsert(aws.session, local)
    assert (second.action, second.compiled, second.uploaded) == ("unchanged", False, ())
    assert second.seconds < 1.5
    assert str(second).startswith("unchanged")

    more = local.model_copy(update={"running": local.running.model_copy(update={"parallelism": 9})})
    text = next(kept.glob("*.json")).read_text()
    assert upsert._put(aws.session, more, text) == (first.arn, "updated")
    described = aws.session.client("sagemaker").describe_pipeline(PipelineName="tally")
    assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 9}
    assert described["RoleArn"] == local.role_arn
    assert described["PipelineDefinition"] == text


def test_a_dry_run_reads_well_and_sends_nothing(
    local: Settings, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "_compile", lambda settings: '{"Version":"2020-12-01"}')
    assert upsert.dry_run(local) == '{\n  "Version": "2020-12-01"\n}'
    assert json.loads(next(kept.glob("*.json")).read_text()) == {"Version": "2020-12-01"}


def test_everything_that_a_definition_is_made_from_is_in_its_name(local: Settings) -> None:
    code = bundles()
    name = upsert._key(local, code)
    assert upsert._key(local, bundles()) == name
    other = local.model_copy(update={"endpoint": "other"})
    assert upsert._key(other, code) != name
    changed = {**code, "train": Bundle("train", (("train.py", b"changed"),), packed=True)}
    assert upsert._key(local, changed) != name


def test_on_aws_a_missing_bucket_says_setup(
    aws: Any, on_aws: Settings, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "_compile", lambda settings: "{}")
    with pytest.raises(upsert.UpsertError) as caught:
        upsert.upsert(aws.session, on_aws)
    assert "tally-us-east-1-123456789012" in str(caught.value)
    assert "python pipeline.py --target aws setup" in str(caught.value)
    setup(aws.session, on_aws)
    assert upsert.upsert(aws.session, on_aws).items == ()


def test_what_does_not_compile_is_said(
    local: Settings, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(upsert.UpsertError, match=r"does not compile:\n.*No module named"):
        upsert._compile(local)
    assert not kept.exists()


def test_reading_verbs_do_not_import_the_sdk() -> None:
    """The modules that every verb imports start without the SageMaker SDK, boto3 or rich."""
    modules = "settings, target, parameters, upload, code, policies, setup, upsert"
    script = (
        f"import sys\nfrom pipelines import {modules}\n"
        "heavy = {'sagemaker', 'boto3', 'botocore', 'obstore', 'rich', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
