"""Two executions side by side."""

import pytest
from bs4 import BeautifulSoup
from console_client import ConsoleClient
from emulator_process import Emulator
from pipeline_client import PipelineClient, python
from pipeline_steps import ROLE, condition, definition, fail, get

COUNT = {"Name": "Count", "Type": "Integer", "DefaultValue": 3}
MORE = {"Type": "GreaterThan", "LeftValue": get("Parameters.Count"), "RightValue": 5}


@pytest.fixture
def pipeline(emulator: Emulator, name: str) -> PipelineClient:
    made = PipelineClient(emulator.client("sagemaker"), name)
    made.create(
        python("Look", "pass", environment={"COUNT": get("Parameters.Count"), "KEPT": "x"}),
        condition("More", [MORE], no=[fail("Few")]),
        parameters=(COUNT,),
    )
    return made


def id_of(arn: str) -> str:
    return arn.rpartition("/")[2]


def table(page: BeautifulSoup, title: str) -> dict[str, list[str]]:
    (found,) = [each for each in page.select("section") if each.h2 and each.h2.text == title]
    rows = [
        [" ".join(cell.text.split()) for cell in row.select("td")] for row in found.select("tr")
    ]
    return {row[0]: row[1:] for row in rows if row}


def test_parameters_steps_and_arguments_are_compared(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    first, _ = pipeline.run()
    second, _ = pipeline.run(Count="9")
    page = console.get(f"/console/compare?a={id_of(first)}&b={id_of(second)}")
    assert table(page, "Parameters") == {"Count": ["3", "9", "differs"]}
    steps = table(page, "Steps")
    assert steps["Few"][0].startswith("Failed") and steps["Few"][1] == "not run"
    assert steps["More"][0].endswith("false") and steps["More"][1].endswith("true")
    assert table(page, "Arguments that differ") == {
        "Environment.COUNT": ["3", "9"],
        "Conditions[0].LeftValue": ["3", "9"],
    }


def test_two_of_a_list_are_compared_the_earlier_first(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    first, _ = pipeline.run()
    second, _ = pipeline.run()
    listed = console.get(f"/console/pipelines/{pipeline.name}")
    boxes = [str(box["value"]) for box in listed.select("input[name=execution]")]
    assert boxes == [id_of(second), id_of(first)]
    query = "&".join(f"execution={box}" for box in boxes)
    response = console.http.get(f"/console/compare?{query}")
    expected = f"/console/compare?a={id_of(first)}&b={id_of(second)}"
    assert (response.status_code, response.headers["location"]) == (303, expected)


@pytest.mark.parametrize("query", ["", "execution=a", "execution=a&execution=b&execution=c"])
def test_other_than_two_are_refused(console: ConsoleClient, query: str) -> None:
    assert "choose two executions" in console.get(f"/console/compare?{query}", 400).text


def test_a_definition_that_changed_is_reported(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    first, _ = pipeline.run()
    pipeline.client.update_pipeline(
        PipelineName=pipeline.name, PipelineDefinition=definition(fail("Other")), RoleArn=ROLE
    )
    second, _ = pipeline.run()
    page = console.get(f"/console/compare?a={id_of(first)}&b={id_of(second)}")
    assert "The definition changed between them" in page.text
    assert table(page, "Steps")["Other"][0] == "no such step"
