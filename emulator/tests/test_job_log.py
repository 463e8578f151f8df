"""`logs JOB`: the log of a job of any kind."""

import sys
import time
from typing import Any

import pytest

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"
ROLE = "arn:aws:iam::123456789012:role/emulator"
RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"log-{time.time_ns()}"


@pytest.fixture
def process(emulator: Any, name: str) -> Any:
    """A function that starts a processing job with a shell script."""

    def start(script: str, instances: int = 1) -> None:
        emulator.client("sagemaker").create_processing_job(
            ProcessingJobName=name,
            RoleArn=ROLE,
            AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["sh", "-c", script]},
            ProcessingResources={"ClusterConfig": {**RESOURCES, "InstanceCount": instances}},
        )

    return start


def test_follow_prints_lines_until_the_job_ends(emulator: Any, process: Any, name: str) -> None:
    process("echo one; sleep 1; echo two; exit 3")
    done = emulator.run("logs", name, "--follow")
    assert done.returncode == 0
    assert done.stdout.endswith("one\ntwo\n")  # after how the image's environment is built
    assert done.stderr.startswith(f"{name}: Failed: ")


def test_without_follow_the_log_so_far_is_printed(emulator: Any, process: Any, name: str) -> None:
    process("echo one; sleep 20")
    deadline = time.monotonic() + 20
    printed = ""
    while "one" not in printed and time.monotonic() < deadline:
        printed = emulator.run("logs", name).stdout
    emulator.client("sagemaker").stop_processing_job(ProcessingJobName=name)
    assert printed.endswith("one\n")


def test_tuning_job_prints_the_log_of_each_training_job(emulator: Any, name: str) -> None:
    sagemaker, s3 = emulator.client("sagemaker"), emulator.client("s3")
    s3.create_bucket(Bucket=name)
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name[:32],
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "accuracy"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0", "MaxValue": "1"}]
            },
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{name}/"},
            "ResourceConfig": RESOURCES,
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )
    done = emulator.run("logs", name[:32], "--follow")
    trials = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name[:32]
    )["TrainingJobSummaries"]
    assert len(trials) == 2
    for trial in trials:
        assert f"{trial['TrainingJobName']} | epoch=2 accuracy=0.20\n" in done.stdout
    assert done.stderr == f"{name[:32]}: Completed\n"


def test_unknown_job_is_refused_with_similar_names(emulator: Any, process: Any, name: str) -> None:
    process("true")
    done = emulator.run("logs", f"{name}-typo")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"emulator: there is no job '{name}-typo'; similar names: ")
    assert name in done.stderr


def test_log_of_a_stopped_emulator_names_the_command_that_starts_it(own_emulator: Any) -> None:
    server = own_emulator()
    done = server.run("logs", "any")
    assert done.returncode == 1
    assert done.stderr.startswith("emulator: not running; start it with: ")
    assert done.stderr.endswith(f" up --state {server.state}\n")
    assert sys.executable.rpartition("/")[0] in done.stderr or "sagemaker-emulator" in done.stderr


def test_lines_of_further_instances_begin_with_their_host(
    emulator: Any, process: Any, name: str
) -> None:
    process("echo hello", instances=2)
    done = emulator.run("logs", name, "--follow")
    assert sorted(done.stdout.splitlines())[-2:] == ["algo-2 | hello", "hello"]
