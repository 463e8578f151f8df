from __future__ import annotations

import pytest
from pipeline_bench import Bench
from pipeline_steps import definition, fail, get, lambda_step, output_uri, processing, training

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.language.definition import parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.run.selection import select

# D waits for B and C, which wait for A.
DIAMOND = parse(
    definition(
        fail("A"),
        fail("B", DependsOn=["A"]),
        fail("C", DependsOn=["A"]),
        fail("D", DependsOn=["B", "C"]),
    )
)


def test_selected_step_reuses_its_parents() -> None:
    selection = select(DIAMOND, ["B"], "arn", {"A"})
    assert (selection.run, selection.reuse) == (frozenset("B"), frozenset("A"))


@pytest.mark.parametrize(
    ("names", "source", "message"),
    [
        pytest.param(["X"], "arn", "SelectedSteps names X: no such step", id="unknown step"),
        pytest.param(["A", "D"], "arn", "add B, C", id="gap"),
        pytest.param(["B"], None, "Invalid SourcePipelineExecutionArn: null", id="no source"),
        pytest.param(["D"], "arn", "B, C did not succeed in it", id="parent failed in the source"),
    ],
)
def test_wrong_selection_is_refused(names: list[str], source: str | None, message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        select(DIAMOND, names, source, {"A"})
    assert message in str(raised.value)


def test_selected_steps_take_what_they_need_from_the_source(bench: Bench) -> None:
    bench.functions["deploy"] = lambda payload: {}
    bench.create(
        processing("Prepare"),
        training("Train", {"data": output_uri("Prepare")}),
        processing("Evaluate", {"MODEL": get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}),
        lambda_step("Deploy", "deploy", {"report": output_uri("Evaluate")}),
    )
    source, _ = bench.run()
    config = {
        "SourcePipelineExecutionArn": source,
        "SelectedSteps": [{"StepName": "Evaluate"}, {"StepName": "Deploy"}],
    }
    arn, status = bench.run(SelectiveExecutionConfig=config)
    steps = bench.steps(arn)
    assert status == "Succeeded"
    assert set(steps) == {"Train", "Evaluate", "Deploy"}
    assert steps["Train"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    assert len(bench.jobs.created) == 4


def test_selection_without_a_source_for_its_parents_is_refused(bench: Bench) -> None:
    bench.create(processing("A"), processing("B", DependsOn=["A"]))
    with pytest.raises(ApiError, match="Invalid SourcePipelineExecutionArn: null"):
        bench.start(SelectiveExecutionConfig={"SelectedSteps": [{"StepName": "B"}]})


def test_source_of_another_pipeline_is_refused(bench: Bench) -> None:
    bench.create(processing("A"))
    source, _ = bench.run()
    bench.create(processing("A"), PipelineName="other")
    config = {"SourcePipelineExecutionArn": source, "SelectedSteps": [{"StepName": "A"}]}
    with pytest.raises(ApiError, match="is an execution of another pipeline"):
        bench.start(PipelineName="other", SelectiveExecutionConfig=config)
