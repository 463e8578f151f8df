"""The SDK's tests get an account: the emulator's variables, a role and a bucket."""

from pathlib import Path

from emulator_process import IMAGES

import sagemaker_emulator
from suites import sdk_suite
from suites.account import shell


def test_every_part_names_tests_of_a_fetched_folder() -> None:
    for part in sdk_suite.PARTS.values():
        prefix = f"{part.folder}/" if part.folder != "." else ""
        for test in part.tests:
            assert any(f"{prefix}{test}".startswith(path) for path in part.source.paths), test


def test_the_account_has_a_bucket_and_redirects_sts(tmp_path: Path) -> None:
    server = sagemaker_emulator.up(state=tmp_path / "state", images=IMAGES)
    try:
        sdk_suite._make_account(server)
        buckets = sdk_suite._client(server, "s3").list_buckets()["Buckets"]
        variables = shell(tmp_path / "state")
    finally:
        sagemaker_emulator.down(state=tmp_path / "state")

    assert sorted(bucket["Name"] for bucket in buckets) == [
        "sagemaker-custom-bucket-us-east-1-123456789012",
        "sagemaker-us-east-1-123456789012",
    ]
    assert variables["AWS_ENDPOINT_URL"] == server["url"]
    assert "sagemaker_emulator/client" in variables["PYTHONPATH"]
