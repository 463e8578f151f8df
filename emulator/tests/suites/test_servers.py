"""Empty emulators, one after the other."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from emulator_process import IMAGES

from suites.servers import Servers


def test_each_emulator_is_empty_and_the_one_before_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clients() -> tuple[Any, Any]:
        for name, value in servers.fresh().items():
            monkeypatch.setenv(name, value)
        return boto3.Session().client("sagemaker"), boto3.Session().client("s3")

    objects, folder = tmp_path / "objects", tmp_path / "states"
    (objects / "seeded").mkdir(parents=True)
    folder.mkdir()
    with Servers(folder, IMAGES, objects) as servers:
        sagemaker, s3 = clients()
        sagemaker.create_model_package_group(ModelPackageGroupName="group")
        s3.create_bucket(Bucket="bucket")
        sagemaker, s3 = clients()
        groups = sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
        buckets = s3.list_buckets()["Buckets"]
        states = sorted(path.name for path in folder.iterdir())

    assert groups == []
    assert [bucket["Name"] for bucket in buckets] == ["seeded"]
    assert "0" not in states
    assert [path.name for path in folder.iterdir()] == ["credentials.json"]
