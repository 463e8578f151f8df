"""Pipelines on a real server: real jobs, a real Lambda function, queue and endpoint."""

from __future__ import annotations

import io
import json
import tarfile
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pipeline_client import IMAGE, PipelineClient, python
from pipeline_steps import ROLE, condition, fail, get, join, json_get, lambda_step

WRITE_REPORT = (
    "import json, os; json.dump({'metrics': {'accuracy': {'value': 0.7}}}, "
    "open(os.environ.get('OPT_ML', '/opt/ml') + '/processing/out/report.json', 'w'))"
)
ACCURACY = json_get("Evaluate", "metrics.accuracy.value")
FUNCTION = """
def handler(event, context):
    return {'statusCode': 200, 'accuracy': event['accuracy']}
"""


@pytest.fixture
def pipeline(emulator: Any, request: pytest.FixtureRequest) -> PipelineClient:
    name = "".join(c if c.isalnum() else "-" for c in request.node.name).strip("-")
    return PipelineClient(emulator.client("sagemaker"), name.removeprefix("test-"))


@pytest.fixture(scope="module")
def function(emulator: Any) -> str:
    """The name of a function that returns the accuracy in its event."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("function.py", FUNCTION)
    emulator.client("lambda").create_function(
        FunctionName="deploy",
        Runtime="python3.11",
        Role=ROLE,
        Handler="function.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    return "deploy"


@pytest.fixture
def evaluation(pipeline: PipelineClient, function: str) -> PipelineClient:
    """A pipeline that deploys if the accuracy, 0.7, is not below the parameter Threshold."""
    at_least = {"Type": "GreaterThanOrEqualTo", "LeftValue": ACCURACY}
    check = condition(
        "Check",
        [{**at_least, "RightValue": get("Parameters.Threshold")}],
        [lambda_step("Deploy", function, {"accuracy": ACCURACY}, ["accuracy"])],
        [fail("TooLow", join("only", ACCURACY, on=" "))],
    )
    threshold = {"Name": "Threshold", "Type": "Float", "DefaultValue": 0.5}
    pipeline.create(python("Evaluate", WRITE_REPORT), check, parameters=(threshold,))
    return pipeline


def test_report_of_a_job_decides_that_a_function_runs(evaluation: PipelineClient) -> None:
    arn, status = evaluation.run()
    steps = evaluation.steps(arn)
    assert status == "Succeeded", steps
    assert steps["Deploy"]["Metadata"]["Lambda"]["OutputParameters"] == [
        {"Name": "accuracy", "Value": "0.7"}
    ]
    job = steps["Evaluate"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    described = evaluation.client.describe_processing_job(ProcessingJobName=job)
    assert described["ProcessingJobStatus"] == "Completed"


def test_failed_step_is_listed_and_logged(emulator: Any, evaluation: PipelineClient) -> None:
    arn, status = evaluation.run(Threshold="0.9")
    assert status == "Failed"
    assert evaluation.steps(arn)["TooLow"]["FailureReason"] == "only 0.7"
    group = "/aws/sagemaker/PipelineExecutions"
    events = emulator.client("logs").filter_log_events(logGroupName=group)["events"]
    assert any("TooLow: Failed: only 0.7" in event["message"] for event in events)


def test_output_of_a_crash_is_in_the_failure_reason(pipeline: PipelineClient) -> None:
    pipeline.create(python("A", "raise SystemExit('no such file: x')"))
    arn, status = pipeline.run()
    assert status == "Failed"
    assert "no such file: x" in pipeline.steps(arn)["A"]["FailureReason"]


def test_step_type_that_does_not_run_here_is_refused(pipeline: PipelineClient) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*Type 'EMR'"):
        pipeline.create({"Name": "E", "Type": "EMR"})


def test_unknown_parameter_is_refused(pipeline: PipelineClient) -> None:
    pipeline.create(fail("A"))
    with pytest.raises(ClientError, match=r"ValidationException.*Unknown pipeline parameter 'X'"):
        pipeline.start(X="1")


def test_unknown_pipeline_is_refused(pipeline: PipelineClient) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        pipeline.start()


def receive(sqs: Any, queue: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")
        if messages:
            return dict(json.loads(messages[0]["Body"]))
    raise AssertionError("no message")


@pytest.fixture
def question(emulator: Any, pipeline: PipelineClient) -> tuple[str, dict[str, Any]]:
    """A running execution whose Callback step waits, and the message that the step sent."""
    sqs = emulator.client("sqs")
    queue = sqs.create_queue(QueueName=f"q{time.time_ns()}")["QueueUrl"]
    ask = {
        "Name": "Ask",
        "Type": "Callback",
        "SqsQueueUrl": queue,
        "Arguments": {"question": "how many?"},
        "OutputParameters": [{"OutputName": "answer", "OutputType": "String"}],
    }
    pipeline.create(ask, fail("Report", get("Steps.Ask.OutputParameters['answer']")))
    return pipeline.start(), receive(sqs, queue)


def test_callback_step_sends_its_arguments(question: tuple[str, dict[str, Any]]) -> None:
    _, message = question
    assert (message["arguments"], message["status"]) == ({"question": "how many?"}, "Executing")


def test_callback_step_succeeds_with_the_outputs_that_are_sent(
    pipeline: PipelineClient, question: tuple[str, dict[str, Any]]
) -> None:
    arn, message = question
    pipeline.client.send_pipeline_execution_step_success(
        CallbackToken=message["token"], OutputParameters=[{"Name": "answer", "Value": "3"}]
    )
    pipeline.finish(arn)
    steps = pipeline.steps(arn)
    assert steps["Ask"]["StepStatus"] == "Succeeded"
    assert steps["Ask"]["Metadata"]["Callback"]["CallbackToken"] == message["token"]
    assert steps["Report"]["FailureReason"] == "3"


def test_callback_step_fails_with_the_reason_that_is_sent(
    pipeline: PipelineClient, question: tuple[str, dict[str, Any]]
) -> None:
    arn, message = question
    pipeline.client.send_pipeline_execution_step_failure(
        CallbackToken=message["token"], FailureReason="nobody knows"
    )
    assert pipeline.finish(arn) == "Failed"
    step = pipeline.steps(arn)["Ask"]
    assert (step["StepStatus"], step["FailureReason"]) == ("Failed", "nobody knows")


def test_model_is_registered_in_a_group_made_for_it(pipeline: PipelineClient) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}
    types = {"SupportedContentTypes": ["image/png"], "SupportedResponseMIMETypes": ["text/csv"]}
    arguments = {
        "ModelPackageGroupName": "made-by-a-step",
        "InferenceSpecification": {"Containers": [container], **types},
        "ModelApprovalStatus": "PendingManualApproval",
    }
    register = {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}
    pipeline.create(register, fail("Report", get("Steps.Register.ModelPackageArn")))
    arn, _ = pipeline.run()
    steps = pipeline.steps(arn)
    package = steps["Register"]["Metadata"]["RegisterModel"]["Arn"]
    assert package.endswith("model-package/made-by-a-step/1")
    assert steps["Report"]["FailureReason"] == package


def test_package_without_a_group_gets_a_name_of_the_execution(pipeline: PipelineClient) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}
    types = {"SupportedContentTypes": ["image/png"], "SupportedResponseMIMETypes": ["text/csv"]}
    arguments = {"InferenceSpecification": {"Containers": [container], **types}}
    named = {**arguments, "ModelPackageName": "mine"}
    register = {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}
    again = {"Name": "Again", "Type": "RegisterModel", "Arguments": named}
    pipeline.create(register, again, fail("Report", get("Steps.Register.ModelPackageName")))
    arn, _ = pipeline.run()
    steps, run = pipeline.steps(arn), arn.rsplit("/", 1)[-1]
    name = steps["Register"]["Metadata"]["RegisterModel"]["Arn"].rsplit("/", 1)[-1]
    assert name.startswith(f"pipelines-{run}-Register-")
    assert steps["Report"]["FailureReason"] == name
    assert f"model-package/mine-{run}-Again-" in steps["Again"]["Metadata"]["RegisterModel"]["Arn"]


def test_execution_survives_a_kill_of_the_server(own_emulator: Callable[..., Any]) -> None:
    server = own_emulator()
    assert server.up().returncode == 0
    server.client("s3").create_bucket(Bucket="bucket")
    pipeline = PipelineClient(server.client("sagemaker"), "p")
    pipeline.create(
        python("A", WRITE_REPORT),
        python("B", "import time; time.sleep(1)", DependsOn=["A"]),
        python("C", "pass", DependsOn=["B"]),
    )
    arn = pipeline.start()
    pipeline.until_running(arn, "B")
    before = pipeline.steps(arn)
    server.kill()
    assert server.up().returncode == 0
    pipeline.client = server.client("sagemaker")
    assert pipeline.finish(arn) == "Succeeded", pipeline.steps(arn)
    after = pipeline.steps(arn)
    assert list(after) == ["A", "B", "C"]
    assert after["A"]["Metadata"] == before["A"]["Metadata"]
    assert after["B"]["Metadata"] != before["B"]["Metadata"]
    killed = before["B"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    assert killed not in " ".join(folder.name for folder in (server.state / "jobs").iterdir())


def test_stop_of_an_execution_ends_its_container(pipeline: PipelineClient) -> None:
    pipeline.create(python("A", "import time; time.sleep(60)"))
    arn = pipeline.start()
    pipeline.until_running(arn, "A")
    pipeline.stop(arn)
    assert pipeline.finish(arn) == "Stopped"
    step = pipeline.steps(arn)["A"]
    assert step["StepStatus"] == "Stopped"
    job = step["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    described = pipeline.client.describe_processing_job(ProcessingJobName=job)
    assert described["ProcessingJobStatus"] == "Stopped"


def test_second_execution_replaces_the_model_behind_an_endpoint(
    emulator: Any, pipeline: PipelineClient
) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz"):
        pass
    emulator.client("s3").put_object(Bucket="bucket", Key="model.tar.gz", Body=archive.getvalue())
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": get("Steps.Create.ModelName"),
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    config_name = join("config", get("Execution.PipelineExecutionId"), on="-")
    serve = {
        "EndpointName": "from-a-step",
        "EndpointConfigName": get("Steps.Configure.EndpointConfigName"),
        "Tags": [],
    }
    pipeline.create(
        {
            "Name": "Create",
            "Type": "Model",
            "Arguments": {"ExecutionRoleArn": ROLE, "PrimaryContainer": container},
        },
        {
            "Name": "Configure",
            "Type": "EndpointConfig",
            "Arguments": {"EndpointConfigName": config_name, "ProductionVariants": [variant]},
        },
        {"Name": "Serve", "Type": "Endpoint", "Arguments": serve},
    )
    for _ in range(2):
        arn, status = pipeline.run()
        assert status == "Succeeded", pipeline.steps(arn)
        described = pipeline.client.describe_endpoint(EndpointName="from-a-step")
        assert described["EndpointStatus"] == "InService"
        assert described["EndpointConfigName"].endswith(arn.rsplit("/", 1)[-1])
    pipeline.client.delete_endpoint(EndpointName="from-a-step")
