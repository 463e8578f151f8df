"""Pipelines on the real server, through boto3: real jobs, a real Lambda function, a real queue."""

from __future__ import annotations

import io
import json
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pipeline_steps import ROLE, condition, fail, lambda_step, processing

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"
WRITE = (
    "import json, os; json.dump({'metrics': {'accuracy': {'value': 0.7}}}, "
    "open(os.environ.get('OPT_ML', '/opt/ml') + '/processing/out/report.json', 'w'))"
)
REPORT = {
    "Std:JsonGet": {
        "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"},
        "Path": "metrics.accuracy.value",
    }
}


def python(name: str, code: str, **more: Any) -> dict[str, Any]:
    application = {"ImageUri": IMAGE, "ContainerEntrypoint": ["python", "-c", code]}
    return processing(name, arguments={"AppSpecification": application}, **more)


def tuning(
    image: str,
    metric: str,
    strategy: str,
    ranges: Any,
    most: int,
    objective: str = "Maximize",
    **more: Any,
) -> dict[str, Any]:
    arguments = {
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": most, "MaxParallelTrainingJobs": 1},
            "HyperParameterTuningJobObjective": {"Type": objective, "MetricName": "metric"},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "metric", "Regex": metric}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    }
    return {"Name": "Tune", "Type": "Tuning", "Arguments": arguments, **more}


def create(client: Any, name: str, *steps: Any, parameters: Any = (), **more: Any) -> None:
    definition = {"Version": "2020-12-01", "Parameters": list(parameters), "Steps": steps}
    client.create_pipeline(
        PipelineName=name, PipelineDefinition=json.dumps(definition), RoleArn=ROLE, **more
    )


def finish(client: Any, arn: str, seconds: float = 60) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        described = client.describe_pipeline_execution(PipelineExecutionArn=arn)
        if described["PipelineExecutionStatus"] not in ("Executing", "Stopping"):
            return str(described["PipelineExecutionStatus"])
        time.sleep(0.05)
    raise AssertionError(steps(client, arn))


def steps(client: Any, arn: str) -> dict[str, dict[str, Any]]:
    listed = client.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}


def zipped(code: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("function.py", code)
    return archive.getvalue()


def executing(client: Any, arn: str, name: str, seconds: float = 60) -> None:
    """Wait until a step runs."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        step = steps(client, arn).get(name, {})
        if step.get("StepStatus") == "Executing":
            return
        assert step.get("StepStatus") not in ("Failed", "Stopped", "Succeeded"), step
        time.sleep(0.02)
    raise AssertionError(f"{name} does not run after {seconds} s: {steps(client, arn)}")


def test_processing_condition_and_lambda(emulator: Any) -> None:
    client = emulator.client("sagemaker")
    emulator.client("lambda").create_function(
        FunctionName="engine-deploy",
        Runtime="python3.11",
        Role=ROLE,
        Handler="function.handler",
        Code={
            "ZipFile": zipped(
                "def handler(event, context):\n"
                "    return {'statusCode': 200, 'accuracy': event['accuracy']}\n"
            )
        },
    )
    at_least = {"Type": "GreaterThanOrEqualTo", "LeftValue": REPORT}
    check = condition(
        "Check",
        [{**at_least, "RightValue": {"Get": "Parameters.Threshold"}}],
        [lambda_step("Deploy", "engine-deploy", {"accuracy": REPORT}, ["accuracy"])],
        [fail("TooLow", {"Std:Join": {"On": " ", "Values": ["only", REPORT]}})],
    )
    threshold = {"Name": "Threshold", "Type": "Float", "DefaultValue": 0.5}
    create(client, "engine", python("Evaluate", WRITE), check, parameters=[threshold])
    arn = client.start_pipeline_execution(PipelineName="engine")["PipelineExecutionArn"]
    assert finish(client, arn) == "Succeeded", steps(client, arn)
    done = steps(client, arn)
    assert done["Deploy"]["Metadata"]["Lambda"]["OutputParameters"] == [
        {"Name": "accuracy", "Value": "0.7"}
    ]
    job = done["Evaluate"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    described = client.describe_processing_job(ProcessingJobName=job)
    assert described["ProcessingJobStatus"] == "Completed"
    arn = client.start_pipeline_execution(
        PipelineName="engine", PipelineParameters=[{"Name": "Threshold", "Value": "0.9"}]
    )["PipelineExecutionArn"]
    assert finish(client, arn) == "Failed"
    assert steps(client, arn)["TooLow"]["FailureReason"] == "only 0.7"
    group = "/aws/sagemaker/PipelineExecutions"
    events = emulator.client("logs").filter_log_events(logGroupName=group)["events"]
    assert any("TooLow: Failed: only 0.7" in event["message"] for event in events)


def test_a_crash_of_a_step_is_shown(emulator: Any) -> None:
    client = emulator.client("sagemaker")
    create(client, "engine-crash", python("A", "raise SystemExit('no such file: x')"))
    arn = client.start_pipeline_execution(PipelineName="engine-crash")["PipelineExecutionArn"]
    assert finish(client, arn) == "Failed"
    assert "no such file: x" in steps(client, arn)["A"]["FailureReason"]


def test_refusals_reach_the_client(emulator: Any) -> None:
    client = emulator.client("sagemaker")
    with pytest.raises(ClientError, match=r"ValidationException.*Type 'EMR'"):
        create(client, "engine-bad", {"Name": "E", "Type": "EMR"})
    create(client, "engine-good", fail("A"))
    with pytest.raises(ClientError, match=r"ValidationException.*Unknown pipeline parameter 'X'"):
        client.start_pipeline_execution(
            PipelineName="engine-good", PipelineParameters=[{"Name": "X", "Value": "1"}]
        )
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client.start_pipeline_execution(PipelineName="engine-none")


def receive(sqs: Any, queue: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        messages = sqs.receive_message(QueueUrl=queue).get("Messages")
        if messages:
            return dict(json.loads(messages[0]["Body"]))
        time.sleep(0.05)
    raise AssertionError("no message")


@pytest.mark.parametrize("outcome", ["Succeeded", "Failed"])
def test_a_callback_step_waits_for_its_token(emulator: Any, outcome: str) -> None:
    client, sqs = emulator.client("sagemaker"), emulator.client("sqs")
    queue = sqs.create_queue(QueueName=f"engine-{outcome}")["QueueUrl"]
    name = f"engine-callback-{outcome}"
    create(
        client,
        name,
        {
            "Name": "Ask",
            "Type": "Callback",
            "SqsQueueUrl": queue,
            "Arguments": {"question": "how many?"},
            "OutputParameters": [{"OutputName": "answer", "OutputType": "String"}],
        },
        fail("Say", {"Get": "Steps.Ask.OutputParameters['answer']"}),
    )
    arn = client.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    message = receive(sqs, queue)
    assert (message["arguments"], message["status"]) == ({"question": "how many?"}, "Executing")
    if outcome == "Succeeded":
        client.send_pipeline_execution_step_success(
            CallbackToken=message["token"], OutputParameters=[{"Name": "answer", "Value": "3"}]
        )
    else:
        client.send_pipeline_execution_step_failure(
            CallbackToken=message["token"], FailureReason="nobody knows"
        )
    assert finish(client, arn) == "Failed"
    done = steps(client, arn)
    assert done["Ask"]["StepStatus"] == outcome
    if outcome == "Succeeded":
        assert done["Say"]["FailureReason"] == "3"
        assert done["Ask"]["Metadata"]["Callback"]["CallbackToken"] == message["token"]
    else:
        assert done["Ask"]["FailureReason"] == "nobody knows"


def test_a_model_is_registered_and_its_group_made(emulator: Any) -> None:
    client = emulator.client("sagemaker")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}
    types = {"SupportedContentTypes": ["image/png"], "SupportedResponseMIMETypes": ["text/csv"]}
    create(
        client,
        "engine-register",
        {
            "Name": "Register",
            "Type": "RegisterModel",
            "Arguments": {
                "ModelPackageGroupName": "engine-group",
                "InferenceSpecification": {"Containers": [container], **types},
                "ModelApprovalStatus": "PendingManualApproval",
            },
        },
        fail("Say", {"Get": "Steps.Register.ModelPackageArn"}),
    )
    arn = client.start_pipeline_execution(PipelineName="engine-register")["PipelineExecutionArn"]
    finish(client, arn)
    done = steps(client, arn)
    package = done["Register"]["Metadata"]["RegisterModel"]["Arn"]
    assert package.endswith("model-package/engine-group/1")
    assert done["Say"]["FailureReason"] == package


def test_an_execution_survives_the_kill_of_the_server(own_emulator: Callable[..., Any]) -> None:
    server = own_emulator()
    assert server.up().returncode == 0
    server.client("s3").create_bucket(Bucket="bucket")
    client = server.client("sagemaker")
    create(
        client,
        "p",
        python("A", WRITE),
        python("B", "import time; time.sleep(1)", DependsOn=["A"]),
        python("C", "pass", DependsOn=["B"]),
    )
    arn = client.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
    executing(client, arn, "B")
    first = steps(client, arn)
    server.kill()
    assert server.up().returncode == 0
    client = server.client("sagemaker")
    assert finish(client, arn) == "Succeeded", steps(client, arn)
    done = steps(client, arn)
    assert list(done) == ["A", "B", "C"]
    assert done["A"]["Metadata"] == first["A"]["Metadata"]
    assert done["B"]["Metadata"] != first["B"]["Metadata"]
    killed = first["B"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    assert killed not in " ".join(folder.name for folder in (server.state / "jobs").iterdir())


def test_real_trials_are_tuned(emulator: Any) -> None:
    client = emulator.client("sagemaker")
    client.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="engine-tuning",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "accuracy"},
            "ParameterRanges": {
                "CategoricalParameterRanges": [{"Name": "word", "Values": ["one", "two"]}]
            },
            "TrainingJobEarlyStoppingType": "Auto",
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [
                    {"Name": "accuracy", "Regex": "(?:doing |accuracy=)([a-z0-9.]+)"}
                ],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )
    name = {"HyperParameterTuningJobName": "engine-tuning"}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        described = client.describe_hyper_parameter_tuning_job(**name)
        if described["HyperParameterTuningJobStatus"] != "InProgress":
            break
        time.sleep(0.05)
    assert described["HyperParameterTuningJobStatus"] == "Completed", described
    best = described["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(0.2)
    trials = client.list_training_jobs_for_hyper_parameter_tuning_job(**name)
    assert len(trials["TrainingJobSummaries"]) == 3
    job = client.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert job["HyperParameters"]["word"] == best["TunedHyperParameters"]["word"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"].startswith("s3://bucket/models/engine-tuning-")


@pytest.mark.parametrize(("objective", "ranked"), [("Maximize", "321"), ("Minimize", "123")])
def test_a_definition_refers_to_trials_by_rank(emulator: Any, objective: str, ranked: str) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "do", "Values": ["1", "2", "3"]}]}
    tune = tuning(IMAGE, r"doing (\d)", "Grid", ranges, most=3, objective=objective)
    # What the SDK's TuningStep.get_top_model_s3_uri(rank, "bucket", "models") makes, for each rank.
    names = [
        {"Get": f"Steps.Tune.TrainingJobSummaries[{rank}].TrainingJobName"} for rank in range(3)
    ]
    told = fail("Tell", {"Std:Join": {"On": " ", "Values": names}})
    client = emulator.client("sagemaker")
    create(client, f"engine-ranked-{objective}", tune, told)
    arn = client.start_pipeline_execution(PipelineName=f"engine-ranked-{objective}")
    assert finish(client, arn["PipelineExecutionArn"]) == "Failed"
    reason = steps(client, arn["PipelineExecutionArn"])["Tell"]["FailureReason"]
    words = [
        client.describe_training_job(TrainingJobName=name)["HyperParameters"]["do"]
        for name in reason.split()[-3:]
    ]
    assert "".join(words) == ranked


def test_stopping_an_execution_ends_its_container(emulator: Any) -> None:
    client = emulator.client("sagemaker")
    create(client, "engine-stop", python("A", "import time; time.sleep(60)"))
    arn = client.start_pipeline_execution(PipelineName="engine-stop")["PipelineExecutionArn"]
    executing(client, arn, "A")
    client.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert finish(client, arn) == "Stopped"
    done = steps(client, arn)["A"]
    assert done["StepStatus"] == "Stopped"
    job = done["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    described = client.describe_processing_job(ProcessingJobName=job)
    assert described["ProcessingJobStatus"] == "Stopped"


def test_a_model_is_put_behind_an_endpoint_and_replaced(emulator: Any) -> None:
    client, s3 = emulator.client("sagemaker"), emulator.client("s3")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz"):
        pass
    s3.put_object(Bucket="bucket", Key="model.tar.gz", Body=archive.getvalue())
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Get": "Steps.Create.ModelName"},
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    name = {"Std:Join": {"On": "-", "Values": ["engine", {"Get": "Execution.PipelineExecutionId"}]}}
    create(
        client,
        "engine-endpoint",
        {
            "Name": "Create",
            "Type": "Model",
            "Arguments": {
                "ExecutionRoleArn": ROLE,
                "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"},
            },
        },
        {
            "Name": "Configure",
            "Type": "EndpointConfig",
            "Arguments": {"EndpointConfigName": name, "ProductionVariants": [variant]},
        },
        {
            "Name": "Serve",
            "Type": "Endpoint",
            "Arguments": {
                "EndpointName": "engine-endpoint",
                "EndpointConfigName": {"Get": "Steps.Configure.EndpointConfigName"},
                "Tags": [],
            },
        },
    )
    for _ in range(2):
        arn = client.start_pipeline_execution(PipelineName="engine-endpoint")[
            "PipelineExecutionArn"
        ]
        assert finish(client, arn) == "Succeeded", steps(client, arn)
        described = client.describe_endpoint(EndpointName="engine-endpoint")
        assert described["EndpointStatus"] == "InService"
        assert described["EndpointConfigName"].endswith(arn.rsplit("/", 1)[-1])
    client.delete_endpoint(EndpointName="engine-endpoint")


def test_a_tuning_survives_the_kill_of_the_server(
    own_emulator: Callable[..., Any], tmp_path: Path
) -> None:
    train = tmp_path / "images" / "slow" / "bin" / "train"
    train.parent.mkdir(parents=True)
    train.write_text("#!/bin/sh\nsleep 0.4\necho accuracy=0.5\n")
    train.chmod(0o755)
    (train.parent.parent / "requirements.txt").touch()
    server = own_emulator()
    server.images = tmp_path / "images"
    assert server.up().returncode == 0
    server.client("s3").create_bucket(Bucket="bucket")
    client = server.client("sagemaker")
    ranges = {"ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.1", "MaxValue": "1"}]}
    cache = {"Enabled": True, "ExpireAfter": "P1D"}
    tune = tuning("slow", "accuracy=([0-9.]+)", "Bayesian", ranges, most=4, CacheConfig=cache)
    create(client, "p", tune)
    arn = client.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]

    def job() -> dict[str, Any]:
        arn_of_job = steps(client, arn).get("Tune", {}).get("Metadata", {}).get("TuningJob", {})
        name = arn_of_job.get("Arn", "").rsplit("/", 1)[-1]
        if not name:
            return {"HyperParameterTuningJobName": "", "TrainingJobStatusCounters": {}}
        return dict(client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name))

    deadline = time.monotonic() + 60
    while job()["TrainingJobStatusCounters"].get("Completed", 0) < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before = job()["HyperParameterTuningJobName"]
    server.kill()
    assert server.up().returncode == 0
    client = server.client("sagemaker")
    assert finish(client, arn) == "Succeeded", steps(client, arn)
    after = job()
    assert after["HyperParameterTuningJobName"] == before
    assert after["TrainingJobStatusCounters"]["Completed"] == 4
    again = client.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
    assert finish(client, again) == "Succeeded"
    hit = steps(client, again)["Tune"]["CacheHitResult"]
    assert hit == {"SourcePipelineExecutionArn": arn}
