"""Tuning steps on a real server, whose trials are real training jobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipeline_client import IMAGE, PipelineClient
from pipeline_steps import INSTANCES, ROLE, Json, fail, get, join


def tuning(image: str, metric: str, config: Json, limit: int, **more: Any) -> Json:
    """A step that runs at most `limit` trials, one at a time; `metric` finds the objective."""
    algorithm = {
        "TrainingImage": image,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "metric", "Regex": metric}],
    }
    limits = {"MaxNumberOfTrainingJobs": limit, "MaxParallelTrainingJobs": 1}
    arguments = {
        "HyperParameterTuningJobConfig": {"ResourceLimits": limits, **config},
        "TrainingJobDefinition": {
            "AlgorithmSpecification": algorithm,
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": INSTANCES,
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    }
    return {"Name": "Tune", "Type": "Tuning", "Arguments": arguments, **more}


@pytest.mark.parametrize(("objective", "ranked"), [("Maximize", "321"), ("Minimize", "123")])
def test_definition_refers_to_trials_by_rank(emulator: Any, objective: str, ranked: str) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "do", "Values": ["1", "2", "3"]}]}
    config = {
        "Strategy": "Grid",
        "HyperParameterTuningJobObjective": {"Type": objective, "MetricName": "metric"},
        "ParameterRanges": ranges,
    }
    # What the SDK's TuningStep.get_top_model_s3_uri(rank, "bucket", "models") makes, for each rank.
    names = [get(f"Steps.Tune.TrainingJobSummaries[{rank}].TrainingJobName") for rank in range(3)]
    pipeline = PipelineClient(emulator.client("sagemaker"), f"ranked-{objective}")
    pipeline.create(tuning(IMAGE, r"doing (\d)", config, 3), fail("Report", join(*names, on=" ")))
    arn, _ = pipeline.run()
    reason = pipeline.steps(arn)["Report"]["FailureReason"]
    words = [
        pipeline.client.describe_training_job(TrainingJobName=name)["HyperParameters"]["do"]
        for name in reason.split()[-3:]
    ]
    assert "".join(words) == ranked


def test_a_step_with_several_definitions_starts_warm_from_another(emulator: Any) -> None:
    """As `HyperparameterTuner.create` and `WarmStartConfig` of the SDK have it."""
    first = tuning(IMAGE, r"doing (\d)", {"Strategy": "Random"}, 2)
    arguments = first["Arguments"]
    one = arguments.pop("TrainingJobDefinition")
    arguments["TrainingJobDefinitions"] = [
        one
        | {
            "DefinitionName": name,
            "TuningObjective": {"Type": "Maximize", "MetricName": "metric"},
            "HyperParameterRanges": {
                "CategoricalParameterRanges": [{"Name": "do", "Values": [value]}]
            },
        }
        for name, value in (("low", "1"), ("high", "2"))
    ]
    second = {**first, "Name": "Again"}
    parent = {"HyperParameterTuningJobName": get("Steps.Tune.HyperParameterTuningJobName")}
    second["Arguments"] = arguments | {
        "WarmStartConfig": {
            "ParentHyperParameterTuningJobs": [parent],
            "WarmStartType": "IdenticalDataAndAlgorithm",
        }
    }
    best = get("Steps.Again.TrainingJobSummaries[0].TrainingJobDefinitionName")
    overall = get("Steps.Again.OverallBestTrainingJob.TrainingJobDefinitionName")
    pipeline = PipelineClient(emulator.client("sagemaker"), "warm")
    pipeline.create(first, second, fail("Report", join(best, overall, on=" and ")))
    arn, _ = pipeline.run()
    assert pipeline.steps(arn)["Report"]["FailureReason"].endswith("high and high")


def test_tuning_job_survives_a_kill_of_the_server_and_is_cached(
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
    pipeline = PipelineClient(server.client("sagemaker"), "p")
    ranges = {"ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.1", "MaxValue": "1"}]}
    config = {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "metric"},
        "ParameterRanges": ranges,
    }
    cache = {"Enabled": True, "ExpireAfter": "P1D"}
    pipeline.create(tuning("slow", "accuracy=([0-9.]+)", config, 4, CacheConfig=cache))
    arn = pipeline.start()
    pipeline.until_running(arn, "Tune")
    job = pipeline.steps(arn)["Tune"]["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[-1]

    def completed() -> int:
        described = pipeline.client.describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=job
        )
        return described["TrainingJobStatusCounters"].get("Completed", 0)

    deadline = time.monotonic() + 60
    while completed() < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.kill()
    assert server.up().returncode == 0
    pipeline.client = server.client("sagemaker")
    assert pipeline.finish(arn) == "Succeeded", pipeline.steps(arn)
    assert pipeline.steps(arn)["Tune"]["Metadata"]["TuningJob"]["Arn"].endswith(f"/{job}")
    assert completed() == 4
    again, status = pipeline.run()
    assert status == "Succeeded"
    hit = pipeline.steps(again)["Tune"]["CacheHitResult"]
    assert hit == {"SourcePipelineExecutionArn": arn}
