"""What the pages know of a step, from its record in ListPipelineExecutionSteps."""

from typing import Any

import pytest
from pipeline_steps import Json, definition, fail, lambda_step, processing

from sagemaker_emulator.console.execution import Step, id_of, pipeline_of
from sagemaker_emulator.sagemaker.pipelines.language.definition import parse

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/bins/execution/abcdefghijkl"


def step(entry: Json, **record: Any) -> Step:
    return Step(parse(definition(entry)).steps[entry["Name"]], "Succeeded", record)


def test_the_arn_of_an_execution_has_its_id_and_its_pipeline() -> None:
    assert (pipeline_of(ARN), id_of(ARN)) == ("bins", "abcdefghijkl")


@pytest.mark.parametrize("key", ["CacheHitResult", "SelectiveExecutionResult"])
def test_a_result_of_another_execution_is_known(key: str) -> None:
    made = step(processing("A"), **{key: {"SourcePipelineExecutionArn": ARN}})
    assert made.reused_from == ARN
    assert made.is_cached is (key == "CacheHitResult")
    assert step(processing("A")).reused_from == ""


def test_the_resource_is_what_the_metadata_names() -> None:
    made = step(processing("A"), Metadata={"ProcessingJob": {"Arn": "arn:job"}})
    assert made.resource == "arn:job"
    assert step(fail("A"), Metadata={"Fail": {"ErrorMessage": "x"}}).resource == ""


def test_what_a_function_returned_is_known() -> None:
    outputs = [{"Name": "count", "Value": "7"}]
    made = step(
        lambda_step("A", "f", {}), Metadata={"Lambda": {"Arn": "a", "OutputParameters": outputs}}
    )
    assert made.returned == outputs
    assert step(lambda_step("A", "f", {})).returned == []
