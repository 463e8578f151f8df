from __future__ import annotations

from typing import Any

import pytest
from pipeline_bench import TOKEN, Bench
from pipeline_steps import ROLE, definition, fail

from sagemaker_emulator.errors import ApiError

FIRST, SECOND = definition(fail("A")), definition(fail("B"))


def update(bench: Bench, **changes: Any) -> None:
    bench.call("UpdatePipeline", PipelineName="p", **changes)


@pytest.fixture
def pipeline(bench: Bench) -> Bench:
    """A bench with the pipeline p."""
    bench.create(fail("A"))
    return bench


def test_repeated_create_request_changes_nothing(pipeline: Bench) -> None:
    update(pipeline, PipelineDefinition=SECOND)
    pipeline.create(fail("A"))
    assert pipeline.call("DescribePipeline", PipelineName="p")["PipelineDefinition"] == SECOND


def test_name_in_use_is_refused(pipeline: Bench) -> None:
    with pytest.raises(ApiError, match="already exists"):
        pipeline.create(fail("A"), ClientRequestToken=TOKEN[::-1])


def test_update_with_a_wrong_definition_is_refused(pipeline: Bench) -> None:
    with pytest.raises(ApiError, match="Unsupported pipeline definition Version"):
        update(pipeline, PipelineDefinition="{}")


def test_definition_is_read_from_s3(pipeline: Bench) -> None:
    folder = pipeline.context.state / "s3" / "bucket"
    folder.mkdir(parents=True)
    (folder / "definition.json").write_text(SECOND)
    location = {"Bucket": "bucket", "ObjectKey": "definition.json"}
    update(pipeline, PipelineDefinitionS3Location=location)
    assert pipeline.call("DescribePipeline", PipelineName="p")["PipelineDefinition"] == SECOND


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({}, "cannot be read: there is no such object", id="missing object"),
        pytest.param({"PipelineDefinition": FIRST}, "not both", id="inline, too"),
    ],
)
def test_wrong_definition_location_is_refused(
    pipeline: Bench, changes: dict[str, str], message: str
) -> None:
    location = {"Bucket": "bucket", "ObjectKey": "absent.json"}
    with pytest.raises(ApiError, match=message):
        update(pipeline, PipelineDefinitionS3Location=location, **changes)


def test_pipelines_are_listed(pipeline: Bench) -> None:
    pipeline.create(fail("A"), PipelineName="q", RoleArn=ROLE)
    names = [one["PipelineName"] for one in pipeline.call("ListPipelines")["PipelineSummaries"]]
    assert names == ["q", "p"]


def test_delete_removes_a_pipeline_with_its_executions(pipeline: Bench) -> None:
    arn, _ = pipeline.run()
    pipeline.call("DeletePipeline", PipelineName="p", ClientRequestToken=TOKEN)
    assert pipeline.call("ListPipelines")["PipelineSummaries"] == []
    with pytest.raises(ApiError, match="does not exist"):
        pipeline.call("DescribePipelineExecution", PipelineExecutionArn=arn)
