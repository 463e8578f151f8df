"""The console's pages with 10,000 resources of each kind: `python emulator/benchmarks/console.py`.

Prints milliseconds: of the first request after the server's start, of the fastest after that, and
to a browser's first paint where Chromium and Playwright are installed.
"""

import json
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx

import sagemaker_emulator
from sagemaker_emulator import Server
from sagemaker_emulator.console.access import link
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.storage.store import Store

MANY, ROUNDS = 10_000, 7
_COPY = "@copy@"
ROLE = "arn:aws:iam::123456789012:role/benchmark"
NAME = "original"
_PAINT = """() => new Promise((resolve) => {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) resolve(entry.startTime);
  });
  observer.observe({type: "paint", buffered: true});
})"""
_INSTANCES: Any = {
    "InstanceType": "ml.m5.large",
    "InstanceCount": 1,
    "VolumeSizeInGB": 1,
}
PAGES = {
    "pipelines": "/console/pipelines",
    "executions": "/console/executions",
    "executions, filtered": "/console/executions?filter=09999",
    "jobs": "/console/jobs",
    "jobs, filtered": "/console/jobs?filter=09999",
    "training jobs": "/console/jobs?kind=training",
    "training jobs, failed": "/console/jobs?kind=training&status=Failed",
    "a training job": f"/console/jobs/training/{NAME}",
    "tuning jobs": "/console/tuning",
    "models": "/console/models/plain",
    "models, filtered": "/console/models/plain?filter=09999",
}


def main() -> None:
    """Fill a state, and time the pages of a server on it."""
    with tempfile.TemporaryDirectory() as folder:
        state, images = Path(folder, "state"), Path(folder, "images")
        (images / "nothing").mkdir(parents=True)
        (images / "nothing/requirements.txt").touch()
        with running(state, images) as server:
            create_one_of_each(server)
        begin = time.perf_counter()
        multiply(state)
        print(f"{MANY} resources of each kind, written in {time.perf_counter() - begin:.1f} s\n")
        with running(state, images) as server:
            measure(server, Credentials.of(state))
    print(f"Again: python {' '.join(sys.argv)}")


@contextmanager
def running(state: Path, images: Path) -> Iterator[Server]:
    """A server, for the time of a `with` statement."""
    server = sagemaker_emulator.up(state, images)
    try:
        yield server
    finally:
        sagemaker_emulator.down(state)


def create_one_of_each(server: Server) -> None:
    """Create one pipeline with an execution, one job of each kind and one model; wait for them."""
    keys = server["environment"]
    session = boto3.Session(
        keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    )
    session.client("s3", endpoint_url=server["s3_url"]).create_bucket(Bucket="bucket")
    client = session.client("sagemaker", endpoint_url=server["url"])
    step = '{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}'
    client.create_pipeline(
        PipelineName=NAME,
        PipelineDefinition=f'{{"Version": "2020-12-01", "Parameters": [], "Steps": [{step}]}}',
        ClientRequestToken=uuid.uuid4().hex,
        RoleArn=ROLE,
    )
    client.start_pipeline_execution(PipelineName=NAME, ClientRequestToken=uuid.uuid4().hex)
    client.create_model(
        ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "nothing"}
    )
    client.create_processing_job(
        ProcessingJobName=NAME,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": "nothing", "ContainerEntrypoint": ["true"]},
        ProcessingResources={"ClusterConfig": _INSTANCES},
    )
    client.create_training_job(
        TrainingJobName=NAME,
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": "nothing", "TrainingInputMode": "File"},
        HyperParameters={f"parameter-{number}": "0.001" for number in range(20)},
        OutputDataConfig={"S3OutputPath": "s3://bucket/"},
        ResourceConfig=_INSTANCES,
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    while "InProgress" in (
        client.describe_processing_job(ProcessingJobName=NAME)["ProcessingJobStatus"],
        client.describe_training_job(TrainingJobName=NAME)["TrainingJobStatus"],
    ):
        time.sleep(0.1)


def multiply(state: Path) -> None:
    """Write copies of each document under other names, while no server runs."""
    store = Store(state / "emulator.db")
    execution = store.list("pipeline-execution")[0]["PipelineExecutionArn"].rpartition("/")[2]
    names = {
        "pipeline-execution": execution,
        **dict.fromkeys(("training-job", "processing-job", "model"), NAME),
    }
    with store.transaction():
        for kind, name in names.items():
            document = store.list(kind)[0]
            key = document["PipelineExecutionArn"] if name == execution else name
            # Names and ARNs end with the name; in JSON a quote follows.
            text = json.dumps(document).replace(f'{name}"', f'{_COPY}"')
            for number in range(MANY):
                copy = f"{number:012d}"
                copied = json.loads(text.replace(_COPY, copy))
                store.put(kind, key.replace(name, copy), copied)
    store.close()


def measure(server: Server, credentials: Credentials) -> None:
    """Print a line for each page."""
    url = server["url"]
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        client.get(link(url, server["pid"], credentials))
        with painter(link(url, server["pid"], credentials)) as paint:
            print(f"{'page':24} {'first':>8} {'warm':>8} {'painted':>8}   milliseconds")
            for name, path in PAGES.items():
                times = []
                for _ in range(1 + ROUNDS):
                    begin = time.perf_counter()
                    response = client.get(path)
                    times.append((time.perf_counter() - begin) * 1000)
                if response.status_code != 200:
                    print(f"{name:24} {response.status_code}")
                    continue
                painted = paint(url + path)
                print(f"{name:24} {times[0]:8.0f} {min(times[1:]):8.0f} {painted:>8}")


@contextmanager
def painter(address: str) -> Iterator[Any]:
    """A function that opens a page in Chromium and returns the time of its first paint."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        yield lambda _: "-"
        return
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        page = browser.new_page()
        page.goto(address)

        def paint(url: str) -> str:
            times = []
            for _ in range(3):
                page.goto(url)
                times.append(page.evaluate(_PAINT))
            return f"{min(times):.0f}"

        yield paint
        browser.close()


if __name__ == "__main__":
    main()
