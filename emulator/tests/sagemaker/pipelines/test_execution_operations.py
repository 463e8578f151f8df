from __future__ import annotations

import json

import pytest
from pipeline_bench import TOKEN, Bench
from pipeline_steps import ROLE, definition, fail, get, processing

from sagemaker_emulator.errors import ApiError

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/abcdefghijkl"


def test_unknown_execution_is_refused(bench: Bench) -> None:
    with pytest.raises(ApiError, match=r"ResourceNotFound: .* does not exist"):
        bench.call("DescribePipelineExecution", PipelineExecutionArn=ARN)


def test_start_of_an_unknown_pipeline_is_refused(bench: Bench) -> None:
    with pytest.raises(ApiError) as raised:
        bench.start()
    assert raised.value.code == "ResourceNotFound"


def test_start_with_an_unknown_parameter_is_refused(bench: Bench) -> None:
    bench.create(fail("A"))
    with pytest.raises(ApiError, match="Unknown pipeline parameter 'Nope'"):
        bench.start({"Nope": "1"})


def test_execution_has_the_role_of_its_pipeline(bench: Bench) -> None:
    bench.create(fail("A"))
    with pytest.raises(ApiError, match="You can't specify RoleArn for a pipeline that you create"):
        bench.start(RoleArn=ROLE)
    described = bench.call("DescribePipelineExecution", PipelineExecutionArn=bench.start())
    assert described.get("RoleArn") is None


def test_repeated_token_returns_the_first_execution(bench: Bench) -> None:
    bench.create(fail("A"))
    assert bench.start(ClientRequestToken=TOKEN) == bench.start(ClientRequestToken=TOKEN)


def test_experiment_is_named_after_the_pipeline_and_the_execution(bench: Bench) -> None:
    document = json.loads(definition(fail("A")))
    document["PipelineExperimentConfig"] = {
        "ExperimentName": get("Execution.PipelineName"),
        "TrialName": get("Execution.PipelineExecutionId"),
    }
    bench.create(PipelineDefinition=json.dumps(document))
    arn = bench.start()
    described = bench.call("DescribePipelineExecution", PipelineExecutionArn=arn)
    assert described["PipelineExperimentConfig"] == {
        "ExperimentName": "p",
        "TrialName": arn.rsplit("/", 1)[-1],
    }


def test_executions_of_a_pipeline_are_listed_with_their_status(bench: Bench) -> None:
    bench.create(fail("A"))
    arn, _ = bench.run()
    listed = bench.call("ListPipelineExecutions", PipelineName="p")["PipelineExecutionSummaries"]
    assert [(one["PipelineExecutionArn"], one["PipelineExecutionStatus"]) for one in listed] == [
        (arn, "Failed")
    ]


def test_parameters_of_an_execution_include_the_defaults(bench: Bench) -> None:
    threshold = {"Name": "Threshold", "Type": "Float", "DefaultValue": 0.5}
    bench.create(fail("A"), parameters=[threshold])
    response = bench.call("ListPipelineParametersForExecution", PipelineExecutionArn=bench.start())
    assert response["PipelineParameters"] == [{"Name": "Threshold", "Value": "0.5"}]


def test_stop_ends_the_running_step_and_starts_no_more(bench: Bench) -> None:
    bench.create(processing("A", {"HOLD": "1"}), processing("B", DependsOn=["A"]))
    arn = bench.start()
    bench.until(arn, "A", "Executing")
    bench.stop(arn)
    assert bench.finish(arn) == "Stopped"
    assert {name: step["StepStatus"] for name, step in bench.steps(arn).items()} == {"A": "Stopped"}


def test_stop_of_an_ended_execution_is_refused(bench: Bench) -> None:
    bench.create(fail("A"))
    arn, _ = bench.run()
    with pytest.raises(ApiError, match="is Failed"):
        bench.stop(arn)


def test_retry_runs_only_the_steps_that_did_not_succeed(bench: Bench) -> None:
    bench.create(
        processing("A"),
        processing("B", {"FAIL": "AlgorithmError", "FAIL_TIMES": "1"}, DependsOn=["A"]),
        processing("C", DependsOn=["B"]),
    )
    arn, _ = bench.run()
    bench.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)
    assert bench.finish(arn) == "Succeeded"
    assert set(bench.steps(arn)) == {"A", "B", "C"}
    assert len(bench.jobs.created) == 4


def test_retry_of_a_succeeded_execution_is_refused(bench: Bench) -> None:
    bench.create(processing("A"))
    arn, _ = bench.run()
    with pytest.raises(ApiError, match=r"Only a Failed or Stopped .* is Succeeded"):
        bench.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)
