"""Pretrained weights of one's own: in S3, or in a folder that `upsert` uploads."""

import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.provisioning import definition_cache, upsert
from pipelines.root import ROOT
from pipelines.settings.layers import load
from pipelines.settings.model import Settings
from pipelines.upload.weights import (
    SUFFIXES,
    WeightsError,
    require_weights,
    with_uploaded_weights,
)

NO_SESSION: Any = None  # nothing is asked


def starting_from(settings: Settings, path: object) -> Settings:
    training = settings.training.model_copy(update={"pretrained": str(path)})
    return settings.model_copy(update={"training": training})


@pytest.mark.parametrize("path", ["", "none", "s3://my-bucket/imagenet/"])
def test_weights_in_s3_are_not_uploaded(local: Settings, path: str) -> None:
    settings = starting_from(local, path)
    assert with_uploaded_weights(settings) == (settings, None)


def test_a_folder_is_uploaded_to_an_address_named_by_its_content(
    aws: Any, local: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Settings] = []
    monkeypatch.setattr(definition_cache, "FOLDER", tmp_path / "definitions")

    def compile_(settings: Settings, module: str) -> str:
        compiled.append(settings)
        return "{}"

    monkeypatch.setattr(definition_cache, "_compile", compile_)
    file = tmp_path / f"{local.training.backbone}.pt"
    file.write_bytes(b"weights")
    (tmp_path / "other.pt").write_bytes(b"of another network")
    settings = starting_from(local, tmp_path)

    output = str(upsert.upsert(aws.session, settings))
    address = compiled[0].training.pretrained
    assert f"the pretrained weights were uploaded to {address}" in output
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    listed = aws.session.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    assert [entry["Key"] for entry in listed] == [f"{prefix}{file.name}"]
    assert "weights were" not in str(upsert.upsert(aws.session, settings))

    file.write_bytes(b"other weights")
    upsert.dry_run(settings)
    assert len({given.training.pretrained for given in compiled}) == 2


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "nowhere is neither a folder nor an s3:// prefix"),
        ("https://example.com/weights", "is neither a folder nor"),
        ("docs", r"docs has no weights of efficientnet_lite0: efficientnet_lite0\.pth or "),
    ],
)
def test_a_path_without_weights_is_refused(local: Settings, path: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        upsert.dry_run(starting_from(local, path))


def test_the_training_reads_the_same_files() -> None:
    source = (ROOT / "steps" / "training" / "model" / "weights.py").read_text()
    listed = ", ".join(f'"{suffix}"' for suffix in SUFFIXES)
    assert f"SUFFIXES = ({listed})" in source


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine behind a proxy that does not answer, where no job has downloaded anything."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("backbone", "host"),
    [("resnet18", "download.pytorch.org"), ("resnet18.a1_in1k", "huggingface.co")],
)
def test_weights_that_cannot_be_downloaded_are_missed_before_the_start(
    local: Settings, offline: Path, backbone: str, host: str
) -> None:
    with pytest.raises(WeightsError) as caught:
        require_weights(NO_SESSION, local, backbone)
    message = str(caught.value)
    assert host in message and "-p Backbone=efficientnet_lite0" in message
    # The advice is settings that can be set.
    for advised in re.findall(r"PIPELINE_(\w+)=(\w+)", message):
        if advised[1] != "FOLDER":
            load("local", {f"PIPELINE_{advised[0]}": advised[1]})
    assert ("TRAINING_PRETRAINED", "none") in re.findall(r"PIPELINE_(\w+)=(\w+)", message)


@pytest.mark.parametrize(
    "cached",
    [
        "torch/hub/checkpoints/resnet18-f37072fd.pth",
        "huggingface/hub/models--timm--resnet26.bt_in1k/snapshots/1/model.safetensors",
    ],
)
def test_weights_that_an_earlier_job_downloaded_need_no_network(
    local: Settings, offline: Path, cached: str
) -> None:
    file = offline / ".cache" / cached
    file.parent.mkdir(parents=True)
    file.touch()
    require_weights(NO_SESSION, local, "resnet18" if "torch" in cached else "resnet26")


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "efficientnet_lite2"])
def test_weights_in_the_training_image_need_no_network(
    local: Settings, offline: Path, backbone: str
) -> None:
    require_weights(NO_SESSION, local, backbone)


def test_random_weights_need_none_and_a_job_on_aws_has_its_own_network(
    local: Settings, on_aws: Settings, offline: Path
) -> None:
    require_weights(NO_SESSION, starting_from(local, "none"), "resnet18")
    require_weights(NO_SESSION, on_aws, "resnet18")


def test_weights_that_nobody_published_are_missed_on_aws_too(on_aws: Settings) -> None:
    with pytest.raises(WeightsError, match="Nobody has published weights of coatnet_0_224"):
        require_weights(NO_SESSION, on_aws, "coatnet_0_224")


def test_a_folder_was_uploaded_with_the_weights_of_one_backbone_only(local: Settings) -> None:
    with pytest.raises(WeightsError, match="PIPELINE_TRAINING_BACKBONE=resnet18"):
        require_weights(NO_SESSION, starting_from(local, "imagenet"), "resnet18")
    require_weights(NO_SESSION, starting_from(local, "imagenet"), local.training.backbone)


def test_weights_in_s3_must_be_of_the_chosen_backbone(aws: Any, on_aws: Settings) -> None:
    settings = starting_from(on_aws, "s3://my-bucket/imagenet")
    with pytest.raises(WeightsError, match=r"has no weights of resnet18: resnet18\.pth or"):
        require_weights(aws.session, settings, "resnet18")
    s3 = aws.session.client("s3")
    s3.create_bucket(Bucket="my-bucket")
    s3.put_object(Bucket="my-bucket", Key="imagenet/resnet18.safetensors", Body=b"weights")
    require_weights(aws.session, settings, "resnet18")
    with pytest.raises(WeightsError, match="has no weights of resnet34"):
        require_weights(aws.session, settings, "resnet34")
