"""Pretrained weights of one's own: in S3, or a folder that `upsert` puts there."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.provisioning import upsert
from pipelines.root import ROOT
from pipelines.settings.model import Settings
from pipelines.upload.weights import SUFFIXES, WeightsError, placed


def starting_from(settings: Settings, place: object) -> Settings:
    training = settings.training.model_copy(update={"pretrained": str(place)})
    return settings.model_copy(update={"training": training})


@pytest.mark.parametrize("place", ["", "s3://my-bucket/imagenet/"])
def test_what_is_in_s3_stays_there(local: Settings, place: str) -> None:
    settings = starting_from(local, place)
    assert placed(settings) == (settings, None)


def test_a_folder_is_put_where_its_content_says(
    aws: Any, local: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Settings] = []
    monkeypatch.setattr(upsert, "DEFINITIONS", tmp_path / "definitions")
    monkeypatch.setattr(upsert, "_compile", lambda given: compiled.append(given) or "{}")
    file = tmp_path / f"{local.training.backbone}.pt"
    file.write_bytes(b"weights")
    (tmp_path / "other.pt").write_bytes(b"of another network")
    settings = starting_from(local, tmp_path)

    said = str(upsert.upsert(aws.session, settings))
    address = compiled[0].training.pretrained
    assert f"the pretrained weights are in {address} now" in said
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    listed = aws.session.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    assert [entry["Key"] for entry in listed] == [f"{prefix}{file.name}"]
    assert "weights are in" not in str(upsert.upsert(aws.session, settings))

    file.write_bytes(b"other weights")
    upsert.dry_run(settings)
    assert len({given.training.pretrained for given in compiled}) == 2


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere", "nowhere is neither a folder nor an s3:// prefix"),
        ("https://example.com/weights", "is neither a folder nor"),
        ("docs", r"docs holds no weights of efficientnet_lite0: efficientnet_lite0\.pth or "),
    ],
)
def test_a_place_without_weights_is_refused(local: Settings, place: str, said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        upsert.dry_run(starting_from(local, place))


def test_the_training_looks_for_the_same_files() -> None:
    source = (ROOT / "steps" / "training" / "model" / "weights.py").read_text()
    listed = ", ".join(f'"{suffix}"' for suffix in SUFFIXES)
    assert f"SUFFIXES = ({listed})" in source
