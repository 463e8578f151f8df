"""Upsert: compiled when something changed, and updated when it differs."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import UserError
from pipelines.provisioning import container_images, definition_cache, upsert
from pipelines.provisioning.setup import setup
from pipelines.root import ROOT
from pipelines.settings.model import Settings
from pipelines.upload.code import Bundle, bundles


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for compiled definitions."""
    monkeypatch.setattr(definition_cache, "FOLDER", tmp_path / "definitions")
    return tmp_path / "definitions"


def test_a_pipeline_is_created_then_unchanged_then_updated(
    aws: Any, local: Settings, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = upsert.upsert(aws.session, local)
    assert first.action == "created"
    assert capsys.readouterr().err.startswith("Compiling")
    assert {"train", "evaluate"} <= set(first.uploaded)
    assert {item.state for item in first.items} == {"created"}
    assert "created    bucket" in str(first)
    assert "created    pipeline arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally" in str(
        first
    )

    second = upsert.upsert(aws.session, local)
    assert (second.action, second.uploaded) == ("unchanged", ())
    assert capsys.readouterr().err == ""
    assert str(second).startswith("unchanged")

    more = local.model_copy(update={"running": local.running.model_copy(update={"parallelism": 9})})
    text = next(kept.glob("*.json")).read_text()
    put = upsert.put(aws.session, more, more.name, upsert.DESCRIPTION, text)
    assert put == (first.arn, "updated")
    described = aws.session.client("sagemaker").describe_pipeline(PipelineName="tally")
    assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 9}
    assert described["RoleArn"] == local.role_arn
    assert described["PipelineDefinition"] == text


def test_a_dry_run_prints_indented_json_and_sends_nothing(
    local: Settings, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        definition_cache, "_compile", lambda settings, module: '{"Version":"2020-12-01"}'
    )
    assert upsert.dry_run(local) == '{\n  "Version": "2020-12-01"\n}'
    assert json.loads(next(kept.glob("*.json")).read_text()) == {"Version": "2020-12-01"}


def test_a_kept_definition_is_named_after_settings_and_code(local: Settings) -> None:
    code = bundles()
    name = definition_cache.kept_file(local, code)
    assert definition_cache.kept_file(local, bundles()) == name
    other = local.model_copy(update={"endpoint": "other"})
    assert definition_cache.kept_file(other, code) != name
    changed = {**code, "train": Bundle("train", (("train.py", b"changed"),), packed=True)}
    assert definition_cache.kept_file(local, changed) != name


def test_changes_since_the_upsert_are_noticed(
    aws: Any, local: Settings, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert.upsert(aws.session, local)
    assert not upsert.differs(aws.session, local)
    deeper = local.training.model_copy(update={"dropout": 0.3})
    assert upsert.differs(aws.session, local.model_copy(update={"training": deeper}))

    elsewhere = local.model_copy(update={"target": "aws"})
    assert not upsert.differs(aws.session, elsewhere)
    changed = {**bundles(), "train": Bundle("train", (("train.py", b"changed"),), packed=True)}
    monkeypatch.setattr(upsert, "bundles", lambda: changed)
    assert upsert.differs(aws.session, elsewhere)
    assert upsert.differs(aws.session, local)

    def gone() -> dict[str, Bundle]:
        raise UserError("A step's script is missing: steps/train.py.")

    monkeypatch.setattr(upsert, "bundles", gone)
    assert upsert.differs(aws.session, elsewhere)


@pytest.fixture
def set_up(aws: Any, on_aws: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An account in which nothing is missing, and a definition that needs no compiling."""
    monkeypatch.setattr(definition_cache, "_compile", lambda settings, module: "{}")
    setup(aws.session, on_aws)
    for image in container_images.missing(aws.session, on_aws).values():
        aws.put_image(image)
    return aws


def test_on_aws_an_empty_account_needs_setup_then_the_images(
    aws: Any, on_aws: Settings, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="no image repository tally-processing") as caught:
        upsert.upsert(aws.session, on_aws)
    assert "python pipeline.py --target aws setup" in str(caught.value)
    setup(aws.session, on_aws)
    with pytest.raises(UserError, match="make images") as caught:
        upsert.upsert(aws.session, on_aws)
    assert str(on_aws.images.inference) in str(caught.value)
    assert not kept.exists()


def test_on_aws_a_complete_account_gets_the_pipeline(
    set_up: Any, on_aws: Settings, kept: Path
) -> None:
    done = upsert.upsert(set_up.session, on_aws)
    assert (done.action, done.items, done.notes) == ("created", (), ())
    assert upsert.upsert(set_up.session, on_aws).action == "unchanged"


def test_on_aws_an_image_from_the_settings_is_not_looked_up(
    set_up: Any, on_aws: Settings, kept: Path
) -> None:
    named = on_aws.images.model_copy(update={"training": "registry.example/mine:2"})
    settings = on_aws.model_copy(update={"images": named})
    assert upsert.upsert(set_up.session, settings).action == "created"


def test_on_aws_a_missing_bucket_needs_setup(set_up: Any, on_aws: Settings, kept: Path) -> None:
    settings = on_aws.model_copy(update={"bucket": "not-made"})
    with pytest.raises(upsert.UpsertError, match="no bucket not-made") as caught:
        upsert.upsert(set_up.session, settings)
    assert "python pipeline.py --target aws setup" in str(caught.value)


def test_after_the_template_alone_upsert_asks_for_setup(
    set_up: Any, on_aws: Settings, kept: Path
) -> None:
    """CloudFormation makes no object, and Evaluate would miss it when all is trained."""
    set_up.session.client("s3").delete_object(
        Bucket=on_aws.bucket_name, Key="tally/no-model/README.txt"
    )
    with pytest.raises(upsert.UpsertError, match=r"Nothing is at s3://\S+/no-model/") as caught:
        upsert.upsert(set_up.session, on_aws)
    assert "python pipeline.py --target aws setup" in str(caught.value)


def test_on_aws_outdated_promotion_code_is_noted_and_a_missing_function_refused(
    set_up: Any, on_aws: Settings, kept: Path
) -> None:
    function = set_up.session.client("lambda")
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("index.py", "# replaced by setup")
    function.update_function_code(FunctionName="tally-promote", ZipFile=other.getvalue())
    done = upsert.upsert(set_up.session, on_aws)
    assert done.action == "created"
    assert "note       tally-promote has other code" in str(done)

    function.delete_function(FunctionName="tally-promote")
    with pytest.raises(UserError, match="no Lambda function tally-promote"):
        upsert.upsert(set_up.session, on_aws)


def test_a_changed_image_updates_the_pipeline(
    set_up: Any, local: Settings, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        definition_cache, "_compile", lambda settings, module: json.dumps(settings.images.training)
    )
    assert upsert.upsert(set_up.session, local).action == "created"
    assert upsert.upsert(set_up.session, local).action == "unchanged"
    images_then = local.images.model_copy(update={"training": f"{local.images.training}-"})
    then = local.model_copy(update={"images": images_then})
    assert upsert.upsert(set_up.session, then).action == "updated"


def test_a_definition_that_does_not_compile_is_reported(
    local: Settings, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.root.ROOT", tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)  # which may hold the checkout
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        definition_cache.CompileError, match=r"does not compile:\n.*No module named"
    ):
        definition_cache._compile(local, definition_cache.MAIN)
    assert not kept.exists()


def test_most_commands_import_neither_sdk_nor_boto3() -> None:
    """The modules that every command imports start without the SageMaker SDK, boto3 or rich."""
    script = (
        "import sys\nfrom pipelines import parameters, target\n"
        "from pipelines.provisioning import container_images, kinds, setup, upsert\n"
        "heavy = {'sagemaker', 'boto3', 'botocore', 'obstore', 'rich', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
