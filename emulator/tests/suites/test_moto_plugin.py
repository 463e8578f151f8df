"""What moto's tests meet under the plugin that runs them, on a suite of one file."""

import os
import subprocess
import sys
from pathlib import Path

_SUITE = """
import datetime
import sys

import boto3
from moto import mock_aws

class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2015, 1, 1, tzinfo=tz)

@mock_aws
def test_requests_are_signed_with_the_real_time(monkeypatch):
    real = datetime.datetime
    for module in list(sys.modules.values()):  # as freezegun does
        for name in [n for n, v in list(vars(module).items()) if v is real]:
            monkeypatch.setattr(module, name, Frozen)
    boto3.client("sagemaker", region_name="us-east-1").create_experiment(ExperimentName="e")

@mock_aws
def test_each_test_has_an_empty_emulator():
    client = boto3.client("sagemaker", region_name="us-east-1")
    assert client.list_experiments()["ExperimentSummaries"] == []
"""


def test_tests_that_freeze_time_are_served_and_each_has_an_empty_emulator(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(_SUITE)
    for name in ("states", "images", "objects"):
        (tmp_path / name).mkdir()
    environment = {
        **os.environ,
        "SUITE_FOLDER": str(tmp_path / "states"),
        "SUITE_IMAGES": str(tmp_path / "images"),
        "SUITE_OBJECTS": str(tmp_path / "objects"),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "suites.moto_plugin", "test_suite.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
