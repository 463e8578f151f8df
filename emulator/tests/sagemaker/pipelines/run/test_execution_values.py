from __future__ import annotations

import json
from typing import Any

import pytest
from pipeline_bench import Bench
from pipeline_steps import definition, get, join, output_uri, processing, training

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.run.execution_values import tracked

SERVER = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/mine"
TEAM = {"Name": "Team", "Type": "String", "DefaultValue": "vision"}


def create(bench: Bench, *steps: dict[str, Any], **members: Any) -> None:
    document = json.loads(definition(*steps, parameters=[TEAM]))
    bench.create(PipelineDefinition=json.dumps(document | members))


def describe(bench: Bench, arn: str) -> dict[str, Any]:
    return bench.call("DescribePipelineExecution", PipelineExecutionArn=arn)


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"TrialName": "t"}, {"ExperimentName": "p", "TrialName": "t"}),
        (
            {
                "ExperimentName": join(get("Execution.PipelineName"), get("Parameters.Team")),
                "TrialName": get("Parameters.Team"),
            },
            {"ExperimentName": "pvision", "TrialName": "vision"},
        ),
    ],
)
def test_experiment_is_evaluated(
    bench: Bench, config: dict[str, Any], names: dict[str, str]
) -> None:
    create(bench, processing("A"), PipelineExperimentConfig=config)
    assert describe(bench, bench.start())["PipelineExperimentConfig"] == names


@pytest.mark.parametrize("member", ["PipelineExperimentConfig", "MlflowConfig"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (output_uri("A"), "refers to a step, but is evaluated when the execution starts"),
        (get("Parameters.Group"), "refers to no declared parameter. Parameters: Team"),
        (["mine"], "must be a text or an expression"),
    ],
)
def test_name_without_a_value_at_the_start_is_refused(
    bench: Bench, member: str, name: Any, message: str
) -> None:
    key = {"MlflowConfig": "MlflowExperimentName"}.get(member, "ExperimentName")
    with pytest.raises(ApiError) as raised:
        create(bench, processing("A"), **{member: {key: name}})
    assert message in str(raised.value)


def test_resource_that_is_no_mlflow_server_is_refused(bench: Bench) -> None:
    with pytest.raises(ApiError, match="'http://here', which is not the ARN of an MLflow"):
        create(bench, processing("A"), MlflowConfig={"MlflowResourceArn": "http://here"})


def test_jobs_learn_the_mlflow_experiment_by_variables(bench: Bench) -> None:
    own = processing("Own", {"MLFLOW_EXPERIMENT_NAME": "own", "X": "1"})
    config = {
        "MlflowResourceArn": SERVER,
        "MlflowExperimentName": join(get("Parameters.Team"), "bins", on="-"),
    }
    create(bench, processing("A"), training("B", {}), own, MlflowConfig=config)
    arn, _ = bench.run()
    assert describe(bench, arn)["MLflowConfig"] == {
        "MlflowResourceArn": SERVER,
        "MlflowExperimentName": "vision-bins",
    }
    uri = bench.context.tracking_uri
    environments = sorted((job["Environment"] for job in bench.jobs.created), key=len)
    expected = {"MLFLOW_EXPERIMENT_NAME": "vision-bins", "MLFLOW_TRACKING_URI": uri}
    assert environments[:2] == [expected, expected]
    assert environments[2] == {**expected, "MLFLOW_EXPERIMENT_NAME": "own", "X": "1"}


def test_experiment_of_an_execution_goes_before_the_definitions(bench: Bench) -> None:
    create(bench, processing("A"), MlflowConfig={"MlflowResourceArn": SERVER})
    default, once = bench.start(), bench.start(MlflowExperimentName="once")
    names = [
        describe(bench, arn)["MLflowConfig"]["MlflowExperimentName"] for arn in (default, once)
    ]
    assert names == ["p", "once"]


def test_pipeline_without_mlflow_passes_nothing(bench: Bench) -> None:
    nothing = {"MlflowResourceArn": None, "MlflowExperimentName": None}  # as the SDK may write it
    create(bench, processing("A"), MlflowConfig=nothing)
    arn, _ = bench.run()
    assert "MLflowConfig" not in describe(bench, arn) or not describe(bench, arn)["MLflowConfig"]
    assert "MLFLOW_EXPERIMENT_NAME" not in bench.jobs.created[0].get("Environment", {})


def test_trials_of_a_tuning_job_learn_it_too(bench: Bench) -> None:
    request = {"TrainingJobDefinitions": [{"Environment": {"X": "1"}}, {}], "Tags": []}
    config = {"MlflowExperimentName": "mine"}
    changed = tracked(bench.context, "Tuning", request, config)
    names = [
        part["Environment"]["MLFLOW_EXPERIMENT_NAME"] for part in changed["TrainingJobDefinitions"]
    ]
    assert names == ["mine", "mine"]
    assert changed["TrainingJobDefinitions"][0]["Environment"]["X"] == "1"
    one = tracked(bench.context, "Tuning", {"TrainingJobDefinition": {}}, config)
    assert one["TrainingJobDefinition"]["Environment"]["MLFLOW_EXPERIMENT_NAME"] == "mine"
    assert tracked(bench.context, "Model", {"ModelName": "m"}, config) == {"ModelName": "m"}
