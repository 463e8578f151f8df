"""`pipeline.py teardown` on the emulator: it shows, asks, and leaves the other stage alone."""

import json
from typing import Any

import pytest

from tests.cli.command_line import CommandLine

DEV: Any = {"PIPELINE_STAGE": "dev"}
STEP = {"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
BUCKET = "tally-dev-us-east-1-123456789012"


@pytest.fixture(scope="module")
def two_stages(fresh: CommandLine) -> CommandLine:
    """prod, and dev with a pipeline, a registered version and an object."""
    assert fresh.run("setup", **DEV).returncode == 0
    client: Any = fresh.client("sagemaker")
    client.create_pipeline(
        PipelineName="tally-dev",
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [STEP]}),
        RoleArn="arn:aws:iam::123456789012:role/tally-dev-execution-us-east-1",
        ClientRequestToken="0" * 32,
    )
    client.create_model_package(ModelPackageGroupName="tally-dev")
    fresh.client("s3").put_object(Bucket=BUCKET, Key="tally/a", Body=b"1")
    return fresh


def test_without_anybody_to_ask_nothing_is_deleted(two_stages: CommandLine) -> None:
    done = two_stages.run("teardown", **DEV)
    assert done.returncode == 1
    assert "deletes   pipeline tally-dev. Costs nothing." in done.stdout
    assert f"stays     bucket {BUCKET}:" in done.stdout
    assert "(stage dev, us-east-1, account 123456789012)? Nobody is here to ask" in done.stderr
    pipelines = two_stages.client("sagemaker").list_pipelines()["PipelineSummaries"]
    assert [one["PipelineName"] for one in pipelines] == ["tally-dev"]


def test_one_stage_goes_and_the_other_stays(two_stages: CommandLine) -> None:
    for words in (["teardown", "--yes"], ["teardown", "--all", "--yes"]):
        done = two_stages.run(*words, **DEV)
        assert done.returncode == 0, done.stderr
    assert "There is nothing to delete" in two_stages.run("teardown", "--all", **DEV).stdout
    client, s3 = two_stages.client("sagemaker"), two_stages.client("s3")
    groups = client.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [one["ModelPackageGroupName"] for one in groups] == ["tally"]
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["tally-us-east-1-123456789012"]
    functions = two_stages.client("lambda").list_functions()["Functions"]
    assert [one["FunctionName"] for one in functions] == ["tally-promote"]
    again = two_stages.run("setup")
    assert {line.split()[0] for line in again.stdout.splitlines()} == {"exists"}
