"""A state folder that an earlier version left when it was killed is read and continued.

`state_of_0_1_0/documents.jsonl` is its database as the version of November 2026 wrote it (commit
ebf7f46): a pipeline at its second of three steps, a tuning job at its first of two training jobs, a
processing job that ran, a finished training job, and a model package.
"""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DOCUMENTS = Path(__file__).with_name("state_of_0_1_0") / "documents.jsonl"
# As the earlier version made it.
SCHEMA = """
CREATE TABLE documents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (kind, name)
)
"""


@pytest.fixture
def earlier(own_emulator: Callable[..., Any]) -> Any:
    """An emulator that has been started on the state of the earlier version."""
    emulator = own_emulator()
    (emulator.state / "s3/bucket").mkdir(parents=True)
    database = sqlite3.connect(emulator.state / "emulator.db")
    database.execute(SCHEMA)
    for line in DOCUMENTS.read_text().splitlines():
        record = json.loads(line)
        database.execute(
            "INSERT INTO documents (kind, name, document) VALUES (?, ?, ?)",
            (record["kind"], record["name"], json.dumps(record["document"])),
        )
    database.commit()
    database.close()
    started = emulator.up()
    assert started.returncode == 0, started.stderr
    return emulator


def wait_for(describe: Callable[[], dict[str, Any]], key: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (described := describe())[key] in ("InProgress", "Executing"):
        assert time.monotonic() < deadline, described
        time.sleep(0.1)
    return described


def test_state_of_an_earlier_version_is_continued(earlier: Any) -> None:
    sagemaker = earlier.client("sagemaker")

    (execution,) = sagemaker.list_pipeline_executions(PipelineName="pipe")[
        "PipelineExecutionSummaries"
    ]
    arn = {"PipelineExecutionArn": execution["PipelineExecutionArn"]}
    ended = wait_for(
        lambda: sagemaker.describe_pipeline_execution(**arn), "PipelineExecutionStatus"
    )
    assert ended["PipelineExecutionStatus"] == "Succeeded", ended
    steps = sagemaker.list_pipeline_execution_steps(**arn)["PipelineExecutionSteps"]
    assert {step["StepName"]: step["StepStatus"] for step in steps} == {
        "First": "Succeeded",
        "Second": "Succeeded",
        "Third": "Succeeded",
    }

    tuned = wait_for(
        lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned"),
        "HyperParameterTuningJobStatus",
    )
    assert tuned["HyperParameterTuningJobStatus"] == "Completed"
    assert tuned["TrainingJobStatusCounters"]["Completed"] == 2

    cut = sagemaker.describe_processing_job(ProcessingJobName="cut")
    assert cut["ProcessingJobStatus"] == "Failed"
    assert "the emulator stopped while the job ran" in cut["FailureReason"]

    trained = sagemaker.describe_training_job(TrainingJobName="trained")
    assert trained["FinalMetricDataList"][0]["Value"] == 0.2
    group = sagemaker.describe_model_package_group(ModelPackageGroupName="group")
    tags = sagemaker.list_tags(ResourceArn=group["ModelPackageGroupArn"])["Tags"]
    assert tags == [{"Key": "k", "Value": "v"}]
    (package,) = sagemaker.list_model_packages(ModelPackageGroupName="group")[
        "ModelPackageSummaryList"
    ]
    sagemaker.update_model_package(
        ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus="Approved"
    )
    described = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert described["ModelApprovalStatus"] == "Approved"
    assert [rule["Name"] for rule in earlier.client("events").list_rules()["Rules"]] == ["rule"]


def test_step_cache_of_an_earlier_version_is_used(earlier: Any) -> None:
    sagemaker = earlier.client("sagemaker")
    arn = sagemaker.start_pipeline_execution(PipelineName="pipe")["PipelineExecutionArn"]
    wait_for(
        lambda: sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn),
        "PipelineExecutionStatus",
    )
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)
    (first,) = [s for s in steps["PipelineExecutionSteps"] if s["StepName"] == "First"]
    assert first["CacheHitResult"]["SourcePipelineExecutionArn"] != arn
