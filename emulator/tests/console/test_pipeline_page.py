"""The page of one pipeline, and the form that starts an execution."""

import uuid
from typing import Any

import pytest
from bs4 import BeautifulSoup
from console_client import ConsoleClient
from emulator_process import Emulator
from pipeline_client import PipelineClient
from pipeline_steps import condition, fail, get, join

PARAMETERS = (
    {"Name": "Count", "Type": "Integer", "DefaultValue": 3},
    {"Name": "Mode", "Type": "String", "DefaultValue": "fast", "EnumValues": ["fast", "slow"]},
    {"Name": "Owner", "Type": "String"},
)
MORE = {"Type": "GreaterThan", "LeftValue": get("Parameters.Count"), "RightValue": 5}


@pytest.fixture
def pipeline(emulator: Emulator, name: str) -> PipelineClient:
    """A pipeline that fails unless its Count is above 5."""
    made = PipelineClient(emulator.client("sagemaker"), name)
    made.create(
        condition("More", [MORE], no=[fail("End", join("only ", get("Parameters.Count")))]),
        parameters=PARAMETERS,
    )
    return made


def links(page: BeautifulSoup, path: str) -> list[str]:
    return [str(link["href"]).rpartition("/")[2] for link in page.select(f"td a[href^='{path}']")]


def start(console: ConsoleClient, pipeline: str, fields: dict[str, str], status: int = 303) -> Any:
    path = f"/console/pipelines/{pipeline}"
    page = console.get(path)
    token = page.select_one("input[name=request_token]")
    assert token is not None
    sent = {"request_token": str(token["value"])} | fields
    return console.post(f"{path}/start", page, status, None, **sent)


def test_the_page_shows_parameters_steps_graph_and_definition(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    page = console.get(f"/console/pipelines/{pipeline.name}")
    assert page.h1 is not None and page.h1.text == pipeline.name
    assert [node["id"] for node in page.select("svg a.node")] == ["node-More", "node-End"]
    assert [label.text for label in page.select("svg text.branch")] == ["false"]
    assert '"Version": "2020-12-01"' in page.select("details pre")[-1].text
    assert not page.select("[style]")


def test_the_form_is_made_of_the_parameters(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    page = console.get(f"/console/pipelines/{pipeline.name}")
    count = page.select_one("input[name='parameter.Count']")
    assert count is not None and (count["type"], count["value"]) == ("number", "3")
    modes = page.select("select[name='parameter.Mode'] option")
    assert [(each.text, each.has_attr("selected")) for each in modes] == [
        ("fast", True),
        ("slow", False),
    ]
    owner = page.select_one("input[name='parameter.Owner']")
    assert owner is not None and owner.has_attr("required")


def test_the_form_starts_an_execution(console: ConsoleClient, pipeline: PipelineClient) -> None:
    response = start(
        console,
        pipeline.name,
        {
            "name": "by-hand",
            "parameter.Count": "7",
            "parameter.Mode": "fast",
            "parameter.Owner": "me",
        },
    )
    (found,) = pipeline.client.list_pipeline_executions(PipelineName=pipeline.name)[
        "PipelineExecutionSummaries"
    ]
    arn = found["PipelineExecutionArn"]
    assert response.headers["location"] == f"/console/executions/{arn.rpartition('/')[2]}"
    assert found["PipelineExecutionDisplayName"] == "by-hand"
    assert pipeline.finish(arn) == "Succeeded"
    listed = pipeline.client.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    assert {each["Name"]: each["Value"] for each in listed["PipelineParameters"]} == {
        "Count": "7",
        "Mode": "fast",
        "Owner": "me",
    }


def test_a_form_that_is_sent_twice_starts_one_execution(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    fields = {"request_token": uuid.uuid4().hex, "parameter.Owner": "me"}
    first = start(console, pipeline.name, fields)
    assert start(console, pipeline.name, fields).headers["location"] == first.headers["location"]


def test_a_refused_form_keeps_what_it_held(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    response = start(
        console,
        pipeline.name,
        {"parameter.Owner": "me", "parameter.Count": "x", "name": "kept"},
        400,
    )
    page = BeautifulSoup(response.text, "html.parser")
    assert "Count" in " ".join(each.text for each in page.select(".problem"))
    owner, label = page.select_one("[name='parameter.Owner']"), page.select_one("[name=name]")
    assert owner is not None and owner["value"] == "me"
    assert label is not None and label["value"] == "kept"


def test_executions_are_listed_newest_first_and_filtered(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    path = f"/console/pipelines/{pipeline.name}"
    first, _ = pipeline.run(Owner="me")
    second, _ = pipeline.run(Owner="me", Count="9")
    ids = [arn.rpartition("/")[2] for arn in (second, first)]
    assert links(console.get(path), "/console/executions/") == ids
    assert links(console.get(f"{path}?status=Failed"), "/console/executions/") == ids[1:]
    assert links(console.get(path, filter=ids[1]), "/console/executions/") == ids[1:]
    assert "No execution is Stopped" in console.get(f"{path}?status=Stopped").text
    all_pipelines = links(console.get("/console/executions"), "/console/executions/")
    assert all_pipelines[:2] == ids


def test_an_unknown_pipeline_is_reported(console: ConsoleClient) -> None:
    assert "does not exist" in console.get("/console/pipelines/no-such-pipeline", 400).text


@pytest.mark.parametrize("of_one", [True, False])
def test_a_list_follows_its_executions(
    console: ConsoleClient, pipeline: PipelineClient, of_one: bool
) -> None:
    page = console.get(f"/console/pipelines/{pipeline.name}" if of_one else "/console/executions")
    address = str(page.select("[sse-connect]")[0]["sse-connect"])
    started, is_shown = "", False
    with console.http.stream("GET", address) as response:
        for line in response.iter_lines():
            if not started and line.startswith("event: list"):
                started = pipeline.start(Owner="me").rpartition("/")[2]
            if is_shown := bool(started) and f"/console/executions/{started}" in line:
                break
    assert is_shown


def test_a_later_page_does_not_follow(console: ConsoleClient, pipeline: PipelineClient) -> None:
    pipeline.run(Owner="me")
    pipeline.run(Owner="me")
    response = pipeline.client.search(
        Resource="PipelineExecution",
        SearchExpression={
            "Filters": [{"Name": "PipelineArn", "Value": _arn(pipeline), "Operator": "Equals"}]
        },
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=1,
    )
    query = {"after": response["NextToken"]}
    page = console.get(f"/console/pipelines/{pipeline.name}", **query)
    assert not page.select("[sse-connect]")
    assert len(page.select("input[name=execution]")) == 1


def _arn(pipeline: PipelineClient) -> str:
    described = pipeline.client.describe_pipeline(PipelineName=pipeline.name)
    return described["PipelineArn"]
