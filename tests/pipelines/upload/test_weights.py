"""Pretrained weights of one's own: in S3, or in a folder that `upsert` uploads."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.provisioning import definition_cache, upsert
from pipelines.root import ROOT
from pipelines.settings.model import Settings
from pipelines.upload.weights import SUFFIXES, WeightsError, with_uploaded_weights


def starting_from(settings: Settings, path: object) -> Settings:
    training = settings.training.model_copy(update={"pretrained": str(path)})
    return settings.model_copy(update={"training": training})


@pytest.mark.parametrize("path", ["", "s3://my-bucket/imagenet/"])
def test_weights_in_s3_are_not_uploaded(local: Settings, path: str) -> None:
    settings = starting_from(local, path)
    assert with_uploaded_weights(settings) == (settings, None)


def test_a_folder_is_uploaded_to_an_address_named_by_its_content(
    aws: Any, local: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Settings] = []
    monkeypatch.setattr(definition_cache, "FOLDER", tmp_path / "definitions")

    def compile_(settings: Settings) -> str:
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
