"""Jobs: the lists, and the page of one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from console_client import ConsoleClient
from emulator_process import BUCKET, Emulator
from pipeline_client import PipelineClient, python
from server_events import Events
from transform_batch import Batch

from sagemaker_emulator.console.pages import name_of_arn

ROLE = "arn:aws:iam::123456789012:role/runs-jobs"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


class Jobs:
    """Jobs on the server of the tests."""

    def __init__(self, emulator: Emulator, name: str, until: Callable[..., Any]) -> None:
        self.client, self.name, self._until = emulator.client("sagemaker"), name, until

    def train(self, do: str = "train", ends: bool = True, **hyperparameters: str) -> str:
        """Start a training job of the image `plain`; its page."""
        self.client.create_training_job(
            TrainingJobName=self.name,
            RoleArn=ROLE,
            AlgorithmSpecification={
                "TrainingImage": "plain",
                "TrainingInputMode": "File",
                "MetricDefinitions": [
                    {"Name": "test:accuracy", "Regex": "accuracy=([0-9.]+)"},
                    {"Name": "epoch", "Regex": "epoch=([0-9]+)"},
                ],
            },
            HyperParameters={"do": do} | hyperparameters,
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/{self.name}/out/"},
            ResourceConfig=CLUSTER,
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
        if ends:
            self._until(
                lambda: self.client.describe_training_job(TrainingJobName=self.name),
                "TrainingJobStatus",
            )
        return f"/console/jobs/training/{self.name}"

    def process(self, script: str) -> str:
        """Run a processing job; its page."""
        self.client.create_processing_job(
            ProcessingJobName=self.name,
            RoleArn=ROLE,
            ProcessingResources={"ClusterConfig": CLUSTER},
            AppSpecification={
                "ImageUri": "plain",
                "ContainerEntrypoint": ["python3", "-c", script],
                "ContainerArguments": ["--share", "0.5"],
            },
        )
        self._until(
            lambda: self.client.describe_processing_job(ProcessingJobName=self.name),
            "ProcessingJobStatus",
        )
        return f"/console/jobs/processing/{self.name}"


@pytest.fixture
def jobs(emulator: Emulator, name: str, until: Callable[..., Any]) -> Jobs:
    return Jobs(emulator, name, until)


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ({}, True),
        ({"kind": "training"}, True),
        ({"kind": "processing"}, False),
        ({"status": "Completed"}, True),
        ({"status": "Failed"}, False),
        ({"kind": "training", "status": "Failed"}, False),
    ],
)
def test_jobs_are_listed_by_kind_name_and_status(
    jobs: Jobs, console: ConsoleClient, query: dict[str, str], listed: bool
) -> None:
    address = jobs.train()
    query = {"filter": jobs.name[5:], **query}
    page = console.http.get("/console/jobs", params=query).raise_for_status().text
    assert (f'href="{address}"' in page) == listed


def test_a_kind_that_does_not_exist_is_reported(console: ConsoleClient) -> None:
    assert "not a kind of job" in console.get("/console/jobs", 404, kind="nothing").text


def test_a_job_that_does_not_exist_is_reported(console: ConsoleClient) -> None:
    page = console.get("/console/jobs/training/none", 400)
    assert "there is no training job none" in page.text


def test_a_failed_job_shows_its_reason_and_the_last_lines_of_its_log(
    jobs: Jobs, console: ConsoleClient
) -> None:
    page = console.get(jobs.process("print('before'); raise ValueError('no bins')"))
    problem = page.select_one(".problem")
    assert problem and "AlgorithmError" in problem.text
    last = problem.select_one("pre")
    assert last and "before" in last.text and "ValueError: no bins" in last.text


def test_a_processing_job_shows_its_arguments(jobs: Jobs, console: ConsoleClient) -> None:
    page = console.get(jobs.process("print('done')"))
    assert page.find("code", string="--share 0.5")


def test_a_training_job_links_to_its_model_and_shows_hyperparameters(
    jobs: Jobs, console: ConsoleClient
) -> None:
    page = console.get(jobs.train())
    model = f"/console/s3/{BUCKET}/{jobs.name}/out/{jobs.name}/output/model.tar.gz"
    assert page.select_one(f"a[href='{model}']")
    row = page.find("th", string="do")
    assert row and row.find_next("code").text == "train"


def test_the_page_of_a_job_that_has_ended_has_its_log_and_follows_nothing(
    jobs: Jobs, console: ConsoleClient
) -> None:
    page = console.get(jobs.train())
    log = page.select_one("pre.log")
    assert log and "epoch=2 accuracy=0.20" in log.text
    assert not page.select("[data-log], [sse-connect]")


def test_the_curves_of_metrics_come_from_the_log(jobs: Jobs, console: ConsoleClient) -> None:
    address = jobs.train()
    page = console.get(address)
    sources = {str(chart["data-src"]) for chart in page.select("[data-chart=line]")}
    assert sources == {f"{address}/metrics.json?of={of}" for of in ("accuracy", "epoch")}
    chart = console.http.get(f"{address}/metrics.json", params={"of": "accuracy"}).json()
    assert chart["live"] is False
    (series,) = chart["series"]
    assert series["name"] == "test:accuracy"
    assert [value for _, value in series["points"]] == [0.0, 0.1, 0.2]


def test_the_values_of_a_chart_are_a_table_too(jobs: Jobs, console: ConsoleClient) -> None:
    table = console.get(f"{jobs.train()}/metrics", of="accuracy")
    assert [cell.text for cell in table.select("td.number")] == ["0", "0.1", "0.2"]


def test_a_transform_job_shows_its_model_input_and_output(
    emulator: Emulator, console: ConsoleClient, name: str, until: Callable[..., Any]
) -> None:
    batch = Batch(emulator, until, name)
    batch.model()
    batch.put(one="text")
    batch.run()
    page = console.get(f"/console/jobs/transform/{name}")
    for address in (f"models/plain/{name}", f"s3/{BUCKET}/{name}/in/", f"s3/{BUCKET}/{name}/out"):
        assert page.select_one(f"a[href='/console/{address}']")
    assert page.select_one(".badge.Completed")
    emulator.client("sagemaker").delete_model(ModelName=name)
    assert not console.get(f"/console/jobs/transform/{name}").select_one("a[href*='models/plain']")


def test_a_hyperparameter_named_model_is_no_link(jobs: Jobs, console: ConsoleClient) -> None:
    page = console.get(jobs.train(model="resnet"))
    assert "resnet" in page.text
    assert not page.select_one("a[href*='models/plain']")


def test_a_job_of_a_pipeline_links_to_its_step_and_execution(
    emulator: Emulator, console: ConsoleClient, name: str
) -> None:
    pipeline = PipelineClient(emulator.client("sagemaker"), name)
    pipeline.create(python("Count", "pass"))
    arn, _ = pipeline.run()
    job = name_of_arn(pipeline.steps(arn)["Count"]["Metadata"]["ProcessingJob"]["Arn"])
    page = console.get(f"/console/jobs/processing/{job}")
    execution = f"/console/executions/{name_of_arn(arn)}"
    assert page.select_one(f"a[href='{execution}']")
    assert page.select_one(f"a[href='{execution}/steps/Count']")


def test_a_running_job_is_stopped_and_its_page_follows(jobs: Jobs, console: ConsoleClient) -> None:
    address = jobs.train(do="wait", ends=False)
    page = console.get(address)
    assert page.select_one(f"[sse-connect='{address}/events']")
    with Events(console, f"{address}/events") as events:
        assert "InProgress" in events.until("state")
        console.post(f"{address}/stop", page)
        events.until("end", seconds=30)
    page = console.get(address)
    assert page.select_one(".badge.Stopped")
    assert not page.select(f"form[action='{address}/stop']")


def test_a_job_is_not_stopped_without_the_sessions_token(
    jobs: Jobs, console: ConsoleClient
) -> None:
    address = jobs.train()
    assert console.http.post(f"{address}/stop").status_code == 403


def test_the_events_of_the_log_end_with_the_job(jobs: Jobs, console: ConsoleClient) -> None:
    jobs.train()
    query = {"group": "/aws/sagemaker/TrainingJobs", "prefix": f"{jobs.name}/"}
    with Events(console, "/console/log/follow", job=f"training/{jobs.name}", **query) as events:
        assert any("epoch=2" in line for line in json.loads(events.until("lines")))
        events.until("end")
