"""The definition of the pipeline that watches the endpoint."""

import json
from typing import Any

import pytest

from pipelines.provisioning import container_images, definition_cache
from pipelines.provisioning.template import role_policy
from pipelines.settings.layers import load
from pipelines.upload.code import WATCH_CONTENTS, bundles
from tests.pipelines import request_shapes as shapes

ACCOUNT = "123456789012"


def compiled(**changed: str) -> Any:
    settings = load("aws", changed).resolved(ACCOUNT, container_images.tags())
    code = bundles(contents=WATCH_CONTENTS)
    text = definition_cache.definition(settings, code, definition_cache.WATCH)
    return json.loads(text)


@pytest.fixture(scope="module")
def definition() -> Any:
    return compiled(PIPELINE_WATCH_RETRAIN="true", PIPELINE_STAGE="dev")


def test_it_is_one_job_and_one_condition(definition: Any) -> None:
    watch, check = definition["Steps"]
    assert (watch["Type"], check["Type"]) == ("Processing", "Condition")
    assert [step["Type"] for step in check["Arguments"]["IfSteps"]] == ["Fail"]
    assert shapes.problems(watch) == []


def test_the_job_is_never_found_in_the_step_cache(definition: Any) -> None:
    """The same arguments mean another week."""
    assert "CacheConfig" not in definition["Steps"][0]


def test_the_job_reads_what_the_stage_keeps_and_may_write_what_it_writes(definition: Any) -> None:
    job = definition["Steps"][0]["Arguments"]
    read = {one["InputName"]: one["S3Input"]["S3Uri"] for one in job["ProcessingInputs"]}
    bucket = f"s3://tally-dev-us-east-1-{ACCOUNT}/tally"
    assert read["capture"] == f"{bucket}/capture"
    assert read["baselines"] == f"{bucket}/baselines"
    assert job["AppSpecification"]["ContainerArguments"][-2:] == ["--retrain", "tally-dev"]
    settings = load("aws", {"PIPELINE_STAGE": "dev"}).resolved(ACCOUNT, container_images.tags())
    policy = json.dumps(role_policy("ExecutionRole", settings))
    assert f"{settings.bucket_name}/tally/baselines/*" in policy
    assert f"pipeline/{settings.name}" in policy
