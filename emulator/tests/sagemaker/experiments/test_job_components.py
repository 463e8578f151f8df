"""The trial components that jobs leave, on the server."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET
from pipeline_client import PipelineClient, python
from pipeline_steps import get

ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"


@pytest.fixture
def trial(sagemaker: Any, name: str) -> dict[str, str]:
    """The ExperimentConfig of an experiment with a trial."""
    sagemaker.create_experiment(ExperimentName=f"{name}-e")
    sagemaker.create_trial(TrialName=f"{name}-t", ExperimentName=f"{name}-e")
    return {"ExperimentName": f"{name}-e", "TrialName": f"{name}-t"}


def training(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}],
        },
        "HyperParameters": {"do": "train", "word": name, "rate": "0.5"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def test_a_training_job_leaves_a_component_of_its_trial(
    emulator: Any,
    sagemaker: Any,
    until: Callable[..., Any],
    name: str,
    trial: dict[str, str],
) -> None:
    sagemaker.create_trial_component(TrialComponentName=f"{name}-run")
    config = {**trial, "TrialComponentDisplayName": "shown", "RunName": f"{name}-run"}
    sagemaker.create_training_job(**training(name, ExperimentConfig=config))
    job = until(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")
    assert job["ExperimentConfig"] == config
    (summary,) = sagemaker.list_trial_components(TrialName=trial["TrialName"])[
        "TrialComponentSummaries"
    ]
    assert summary["TrialComponentName"] == f"{name}-aws-training-job"
    assert summary["DisplayName"] == "shown"
    assert summary["TrialComponentSource"]["SourceArn"] == job["TrainingJobArn"]
    by_source = sagemaker.list_trial_components(SourceArn=job["TrainingJobArn"].upper().lower())
    assert {each["TrialComponentName"] for each in by_source["TrialComponentSummaries"]} == {
        f"{name}-aws-training-job",
        f"{name}-run",
    }

    component = sagemaker.describe_trial_component(TrialComponentName=f"{name}-aws-training-job")
    assert component["Status"]["PrimaryStatus"] == "Completed"
    assert component["EndTime"] == job["TrainingEndTime"]
    parameters = component["Parameters"]
    assert parameters["rate"] == {"NumberValue": 0.5}
    assert parameters["word"] == {"StringValue": name}
    assert parameters["SageMaker.InstanceType"] == {"StringValue": "ml.m5.large"}
    assert parameters["SageMaker.ImageUri"] == {"StringValue": IMAGE}
    model = component["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"]
    assert model == job["ModelArtifacts"]["S3ModelArtifacts"]
    (metric,) = component["Metrics"]
    assert metric["MetricName"] == "accuracy"
    assert metric["Count"] > 1
    assert metric["Last"] == job["FinalMetricDataList"][0]["Value"]
    assert metric["SourceArn"] == job["TrainingJobArn"]
    query = {
        "MetricName": "accuracy",
        "ResourceArn": job["TrainingJobArn"],
        "MetricStat": "Last",
        "Period": "OneMinute",
        "XAxisType": "Timestamp",
    }
    (result,) = emulator.client("sagemaker-metrics").batch_get_metrics(MetricQueries=[query])[
        "MetricQueryResults"
    ]
    assert result["Status"] == "ValidationError"
    assert f"{job['TrainingJobArn']} logged accuracy" in result["Message"]


def test_a_component_tells_of_a_job_that_failed(
    sagemaker: Any, until: Callable[..., Any], name: str
) -> None:
    request = training(name, HyperParameters={"do": "fail"})
    sagemaker.create_training_job(**request)
    until(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")
    component = sagemaker.describe_trial_component(TrialComponentName=f"{name}-aws-training-job")
    assert component["Status"]["PrimaryStatus"] == "Failed"
    assert "AlgorithmError" in component["Status"]["Message"]
    found = sagemaker.search(
        Resource="ExperimentTrialComponent",
        SearchExpression={
            "Filters": [{"Name": "TrialComponentName", "Value": f"{name}-aws-training-job"}]
        },
    )["Results"][0]["TrialComponent"]
    assert found["Parents"] == []
    assert found["SourceDetail"]["TrainingJob"]["TrainingJobStatus"] == "Failed"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"ExperimentName": "nope"}, "experiment/nope' does not exist"),
        ({"TrialName": "nope"}, "experiment-trial/nope' does not exist"),
        ({"RunName": "nope"}, "experiment-trial-component/nope' does not exist"),
    ],
)
def test_an_experiment_that_is_not_there_is_refused(
    sagemaker: Any, name: str, config: dict[str, str], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        sagemaker.create_training_job(**training(name, ExperimentConfig=config))
    with pytest.raises(ClientError, match="not found"):
        sagemaker.describe_training_job(TrainingJobName=name)


def test_a_processing_job_leaves_a_component_of_a_new_trial(
    sagemaker: Any, until: Callable[..., Any], s3: Any, name: str
) -> None:
    sagemaker.create_experiment(ExperimentName=name)
    s3.put_object(Bucket=BUCKET, Key=f"{name}/in/a.txt", Body=b"a")
    local = {"LocalPath": "/opt/ml/processing/x", "S3InputMode": "File", "S3DataType": "S3Prefix"}
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        ProcessingResources={
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 5,
            }
        },
        ProcessingInputs=[
            {"InputName": "words", "S3Input": {"S3Uri": f"s3://{BUCKET}/{name}/in/", **local}}
        ],
        ExperimentConfig={"ExperimentName": name},
    )
    until(lambda: sagemaker.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")
    (trial,) = sagemaker.list_trials(ExperimentName=name)["TrialSummaries"]
    (summary,) = sagemaker.list_trial_components(TrialName=trial["TrialName"])[
        "TrialComponentSummaries"
    ]
    component = sagemaker.describe_trial_component(TrialComponentName=summary["TrialComponentName"])
    assert component["Status"] == {
        "PrimaryStatus": "Completed",
        "Message": "Status: Completed, exit message: null, failure reason: null",
    }
    assert component["InputArtifacts"] == {
        "SageMaker.ImageUri": {"Value": IMAGE},
        "words": {"Value": f"s3://{BUCKET}/{name}/in/"},
    }
    assert component["Parameters"]["SageMaker.VolumeSizeInGB"] == {"NumberValue": 5}


def test_jobs_of_an_execution_are_components_of_its_trial(emulator: Any, name: str) -> None:
    pipeline = PipelineClient(emulator.client("sagemaker"), name)
    pipeline.create(python("Print", "print('printed')"))
    definition = json.loads(
        pipeline.client.describe_pipeline(PipelineName=name)["PipelineDefinition"]
    )
    definition["PipelineExperimentConfig"] = {
        "ExperimentName": get("Execution.PipelineName"),
        "TrialName": get("Execution.PipelineExecutionId"),
    }
    pipeline.client.update_pipeline(PipelineName=name, PipelineDefinition=json.dumps(definition))
    arn, status = pipeline.run()
    assert status == "Succeeded"
    trial = arn.rpartition("/")[2]
    (summary,) = pipeline.client.list_trial_components(TrialName=trial)["TrialComponentSummaries"]
    job = pipeline.steps(arn)["Print"]["Metadata"]["ProcessingJob"]["Arn"]
    assert summary["TrialComponentSource"]["SourceArn"] == job
    described = pipeline.client.describe_processing_job(ProcessingJobName=job.rpartition("/")[2])
    assert described["ExperimentConfig"] == {"ExperimentName": name, "TrialName": trial}
