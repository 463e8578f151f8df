"""Running steps of an execution again."""

import json

import pytest
from bs4 import BeautifulSoup
from console_client import ConsoleClient
from emulator_process import Emulator
from pipeline_client import PipelineClient, python
from pipeline_steps import definition, fail, get, processing

from sagemaker_emulator.console.selective import config, from_step
from sagemaker_emulator.sagemaker.pipelines.language.definition import parse

CHAIN = parse(
    definition(
        processing("A"),
        processing("B", DependsOn=["A"]),
        processing("C", DependsOn=["B"]),
        processing("D"),
    )
)


def test_from_a_step_on_means_all_that_wait_for_it() -> None:
    assert from_step(CHAIN, "B") == ["B", "C"]
    assert from_step(CHAIN, "D") == ["D"]


def test_all_steps_are_an_ordinary_execution() -> None:
    assert config(["D", "C", "B", "A"], CHAIN, "arn") is None
    assert config(["C", "B"], CHAIN, "arn") == {
        "SourcePipelineExecutionArn": "arn",
        "SelectedSteps": [{"StepName": "B"}, {"StepName": "C"}],
    }


@pytest.fixture
def pipeline(emulator: Emulator, name: str) -> PipelineClient:
    """A pipeline whose step Second fails, after First."""
    made = PipelineClient(emulator.client("sagemaker"), name)
    second = fail("Second", get("Parameters.Message"), DependsOn=["First"])
    message = {"Name": "Message", "Type": "String", "DefaultValue": "no"}
    made.create(python("First", "pass"), second, parameters=(message,))
    return made


def chosen(page: BeautifulSoup) -> list[str]:
    return [str(box["name"]) for box in page.select("input[type=checkbox][checked]")]


def test_the_chosen_steps_run_with_results_of_the_others(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    source, _ = pipeline.run(Message="first time")
    path = f"/console/executions/{source.rpartition('/')[2]}/again"
    page = console.get(path)
    assert chosen(page) == ["step.Second"]
    shown = json.loads(page.select("pre")[-1].text)
    assert shown["SelectedSteps"] == [{"StepName": "Second"}]
    token = page.select_one("input[name=request_token]")
    assert token is not None
    response = console.post(
        path,
        page,
        303,
        None,
        **{
            "request_token": str(token["value"]),
            "step.Second": "on",
            "parameter.Message": "second time",
        },
    )
    new = response.headers["location"].rpartition("/")[2]
    arn = f"{source.rpartition('/')[0]}/{new}"
    assert pipeline.finish(arn) == "Failed"
    steps = pipeline.steps(arn)
    assert steps["First"]["SelectiveExecutionResult"]["SourcePipelineExecutionArn"] == source
    assert steps["Second"]["FailureReason"] == "second time"
    shown_page = console.get(f"/console/executions/{new}")
    assert "it runs Second" in " ".join(shown_page.text.split())


def test_no_step_chosen_is_refused_on_the_page(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    source, _ = pipeline.run()
    path = f"/console/executions/{source.rpartition('/')[2]}/again"
    response = console.post(path, console.get(path), 400)
    assert "Choose at least one step" in response.text


def test_the_query_chooses_from_a_step_on(console: ConsoleClient, pipeline: PipelineClient) -> None:
    source, _ = pipeline.run()
    path = f"/console/executions/{source.rpartition('/')[2]}/again"
    assert chosen(console.get(f"{path}?from=First")) == ["step.First", "step.Second"]


def test_a_stopped_execution_runs_again_with_all_steps_only(
    console: ConsoleClient, emulator: Emulator, name: str
) -> None:
    pipeline = PipelineClient(emulator.client("sagemaker"), name)
    hold = python("Hold", "import time; time.sleep(120)")
    pipeline.create(hold, python("Next", "pass") | {"DependsOn": ["Hold"]})
    arn = pipeline.start()
    pipeline.until_running(arn, "Hold")
    pipeline.stop(arn)
    assert pipeline.finish(arn) == "Stopped"
    executions, _, identity = arn.rpartition("/")
    path = f"/console/executions/{identity}/again"
    page = console.get(path)
    assert "Choose all steps, or retry this one first" in page.text
    fields = {"request_token": "0" * 32, "step.Hold": "on"}
    assert "must be Succeeded or Failed" in console.post(path, page, 400, **fields).text
    started = console.post(path, page, **fields, **{"step.Next": "on"})
    pipeline.stop(f"{executions}/{started.headers['location'].rpartition('/')[2]}")
