"""Jobs and tuning jobs, as a person sees and uses them."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from browser_pages import LOOKS, check, press_until
from emulator_process import BUCKET, Emulator
from playwright.sync_api import Page, expect

ROLE = "arn:aws:iam::123456789012:role/runs-jobs"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
ALGORITHM = {
    "TrainingImage": "plain",
    "TrainingInputMode": "File",
    "MetricDefinitions": [
        {"Name": "test:accuracy", "Regex": "accuracy=([0-9.]+)"},
        {"Name": "epoch", "Regex": "epoch=([0-9]+)"},
    ],
}
TRAINING_LOG = "/aws/sagemaker/TrainingJobs"
OpenConsole = Callable[..., Page]


class Work:
    """Jobs of the image `plain`."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        self.client, self.logs = emulator.client("sagemaker"), emulator.client("logs")
        self.name = name
        self.address = f"/console/jobs/training/{name}"

    def train(self, do: str = "train") -> None:
        """Start a training job."""
        self.client.create_training_job(
            TrainingJobName=self.name,
            RoleArn=ROLE,
            AlgorithmSpecification=ALGORITHM,
            HyperParameters={"do": do},
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/{self.name}/"},
            ResourceConfig=CLUSTER,
            StoppingCondition={"MaxRuntimeInSeconds": 120},
        )

    def log(self, *lines: str) -> None:
        """Add lines to the log of the training job, as its container would."""
        streams = self.logs.describe_log_streams(
            logGroupName=TRAINING_LOG, logStreamNamePrefix=f"{self.name}/"
        )
        self.logs.put_log_events(
            logGroupName=TRAINING_LOG,
            logStreamName=streams["logStreams"][0]["logStreamName"],
            logEvents=[{"timestamp": int(time.time() * 1000), "message": line} for line in lines],
        )

    def tune(self, do: str = "train", trials: int = 4) -> str:
        """Start a tuning job; its page."""
        ranges = {
            "ContinuousParameterRanges": [
                {
                    "Name": "rate",
                    "MinValue": "0.0001",
                    "MaxValue": "0.1",
                    "ScalingType": "Logarithmic",
                }
            ],
            "CategoricalParameterRanges": [{"Name": "layers", "Values": ["one", "two"]}],
        }
        objective = {"Type": "Maximize", "MetricName": "test:accuracy"}
        limits = {"MaxNumberOfTrainingJobs": trials, "MaxParallelTrainingJobs": 2}
        self.client.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=self.name,
            HyperParameterTuningJobConfig={
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": objective,
                "ResourceLimits": limits,
                "ParameterRanges": ranges,
            },
            TrainingJobDefinition={
                "StaticHyperParameters": {"do": do},
                "AlgorithmSpecification": ALGORITHM,
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{self.name}/"},
                "ResourceConfig": CLUSTER,
                "StoppingCondition": {"MaxRuntimeInSeconds": 120},
            },
        )
        return f"/console/tuning/{self.name}"


@pytest.fixture
def work(emulator: Emulator, name: str) -> Work:
    return Work(emulator, name)


def train_to_the_end(work: Work, until: Callable[..., Any], do: str = "train") -> None:
    work.train(do)
    until(lambda: work.client.describe_training_job(TrainingJobName=work.name), "TrainingJobStatus")


def set_hidden(page: Page, hidden: bool) -> None:
    """Let a page believe that nobody sees it, or that it is seen again."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', {configurable: true, get: () =>"
        " hidden}); document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_jobs(
    open_console: OpenConsole, work: Work, until: Callable[..., Any], width: int, scheme: str
) -> None:
    train_to_the_end(work, until, do="fail")
    page = open_console("/console/jobs", width, scheme)
    check(page, "console-jobs")
    page.goto(page.url.replace("/console/jobs", work.address))
    expect(page.locator("[data-drawn]")).to_have_count(2)
    check(page, "console-job")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_anyone_can_read_a_tuning_job(
    open_console: OpenConsole, work: Work, until: Callable[..., Any], width: int, scheme: str
) -> None:
    address = work.tune()
    until(
        lambda: work.client.describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=work.name
        ),
        "HyperParameterTuningJobStatus",
    )
    page = open_console(address, width, scheme)
    expect(page.locator("[data-drawn]")).to_have_count(3)
    check(page, "console-tuning-job")
    page.goto(page.url.replace(address, "/console/tuning"))
    check(page, "console-tuning")


def test_a_running_job_is_followed_and_stopped_by_keyboard(
    open_console: OpenConsole, work: Work
) -> None:
    work.train("wait")
    page = open_console(work.address)
    log = page.get_by_role("log")
    expect(log).to_contain_text("doing wait")
    work.log("epoch=1 accuracy=0.5", "epoch=2 accuracy=0.75")
    expect(log).to_contain_text("epoch=2 accuracy=0.75", timeout=2000)
    page.locator("summary", has_text="The numbers as a table").first.press("Enter")
    expect(page.locator("details[open] table").first).to_contain_text("0.75")
    page.locator("body").press("Home")
    press_until(page, "Tab", "summary.danger")
    page.keyboard.press("Enter")
    press_until(page, "Tab", "button.danger")
    page.keyboard.press("Enter")
    expect(page.locator(".badge.Stopped")).to_be_visible()


def test_a_curve_is_drawn_as_it_comes(open_console: OpenConsole, work: Work) -> None:
    work.train("wait")
    page = open_console(work.address)
    chart = page.locator("[data-src$='of=accuracy']")
    expect(chart).to_have_attribute("data-drawn", "1")
    expect(page.get_by_role("log")).to_contain_text("doing wait")
    work.log("accuracy=0.5")
    expect(chart).to_have_attribute("data-drawn", "2", timeout=3000)
    work.client.stop_training_job(TrainingJobName=work.name)


def test_a_log_stays_where_its_reader_scrolled(open_console: OpenConsole, work: Work) -> None:
    work.train("wait")
    page = open_console(work.address)
    log = page.get_by_role("log")
    expect(log).to_contain_text("doing wait")
    work.log(*[f"line {number}" for number in range(200)])
    expect(log).to_contain_text("line 199")
    from_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
    assert log.evaluate(from_end) < 2
    log.evaluate("log => { log.scrollTop = 100; }")
    work.log("one more")
    expect(log).to_contain_text("one more")
    assert log.evaluate("log => log.scrollTop") == 100
    work.client.stop_training_job(TrainingJobName=work.name)


def test_a_page_that_nobody_sees_holds_no_connection(open_console: OpenConsole, work: Work) -> None:
    work.train("wait")
    page = open_console("/console/jobs")
    opened: list[str] = []
    closed: list[str] = []
    streams = ("/events", "/log/follow")
    page.on("request", lambda request: opened.extend(s for s in streams if s in request.url))
    page.on("requestfailed", lambda request: closed.extend(s for s in streams if s in request.url))
    page.goto(page.url.replace("/console/jobs", work.address))
    log = page.get_by_role("log")
    expect(log).to_contain_text("doing wait")
    set_hidden(page, True)
    page.wait_for_timeout(100)
    assert sorted(closed) == sorted(streams) == sorted(opened)
    work.log("while hidden")
    work.client.stop_training_job(TrainingJobName=work.name)
    set_hidden(page, False)
    expect(log).to_contain_text("while hidden")
    expect(page.locator(".badge.Stopped")).to_be_visible()
    assert log.inner_text().count("doing wait") == 1
