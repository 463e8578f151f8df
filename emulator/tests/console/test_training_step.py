"""The metrics of training steps: on a step's page, and of two executions."""

import pytest
from console_client import ConsoleClient
from emulator_process import Emulator
from pipeline_client import PipelineClient
from pipeline_steps import get, training

ALGORITHM = {
    "TrainingImage": "plain",
    "TrainingInputMode": "File",
    "MetricDefinitions": [{"Name": "test:accuracy", "Regex": "accuracy=([0-9.]+)"}],
}
WORD = {"Name": "Word", "Type": "String", "DefaultValue": "one"}


@pytest.fixture
def pipeline(emulator: Emulator, name: str) -> PipelineClient:
    made = PipelineClient(emulator.client("sagemaker"), name)
    step = training("Train", {"word": get("Parameters.Word")})
    step["Arguments"]["AlgorithmSpecification"] = ALGORITHM
    made.create(step, parameters=(WORD,))
    return made


def id_of(arn: str) -> str:
    return arn.rpartition("/")[2]


def test_metrics_are_curves_of_the_job(console: ConsoleClient, pipeline: PipelineClient) -> None:
    arn, status = pipeline.run()
    assert status == "Succeeded"
    page = console.get(f"/console/executions/{id_of(arn)}/steps/Train")
    (chart,) = page.select("[data-chart]")
    drawn = console.http.get(str(chart["data-src"])).json()
    (series,) = drawn["series"]
    assert series["name"] == "test:accuracy"
    assert [value for _, value in series["points"]] == [0.0, 0.1, 0.2]
    assert "model.tar.gz" in page.text
    assert page.select("script[src*=echarts]")


def test_metrics_and_hyperparameters_are_compared(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    first, _ = pipeline.run()
    second, _ = pipeline.run(Word="two")
    page = console.get(f"/console/compare?a={id_of(first)}&b={id_of(second)}")
    texts = [" ".join(row.get_text(" ").split()) for row in page.select("tr")]
    assert "Train test:accuracy 0.2 0.2 0" in texts
    assert "HyperParameters.word one two" in texts
