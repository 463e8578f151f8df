"""The page of an execution: what it shows, how it follows, and what stops and retries it."""

import time
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup
from console_client import ConsoleClient
from emulator_process import Emulator
from pipeline_client import PipelineClient, python
from pipeline_steps import condition, fail, get

COUNT = {"Name": "Count", "Type": "Integer", "DefaultValue": 3}
MORE = {"Type": "GreaterThan", "LeftValue": get("Parameters.Count"), "RightValue": 5}
HOLD = "import time; time.sleep(120)"


@pytest.fixture
def pipeline(emulator: Emulator, name: str) -> PipelineClient:
    return PipelineClient(emulator.client("sagemaker"), name)


@pytest.fixture
def held(pipeline: PipelineClient) -> Iterator[str]:
    """An execution whose step Hold is running."""
    pipeline.create(python("Hold", HOLD), python("After", "pass", DependsOn=["Hold"]))
    arn = pipeline.start()
    pipeline.until_running(arn, "Hold")
    yield arn
    described = pipeline.client.describe_pipeline_execution(PipelineExecutionArn=arn)
    if described["PipelineExecutionStatus"] == "Executing":
        pipeline.stop(arn)
    pipeline.finish(arn)


def path(arn: str) -> str:
    return f"/console/executions/{arn.rpartition('/')[2]}"


def states(page: BeautifulSoup) -> dict[str, str]:
    """The status of each step in the graph."""
    return {str(a["id"]).removeprefix("node-"): str(a["class"][-1]) for a in page.select("a.node")}


def test_a_failed_execution_shows_why_and_its_branches(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    pipeline.create(
        condition("More", [MORE], [fail("Yes")], [fail("No", "only a few")]), parameters=(COUNT,)
    )
    arn, _ = pipeline.run(Count="4")
    page = console.get(path(arn))
    assert states(page) == {"More": "Succeeded", "Yes": "NotRun", "No": "Failed"}
    assert "only a few" in page.select(".problem")[0].text
    assert "the condition is false" in page.text
    assert [" ".join(each.text.split()) for each in page.select("dl.values dd")] == ["4 default 3"]
    links = {str(a["href"]) for a in page.select("a.node")}
    assert f"{path(arn)}/steps/No" in links
    assert not page.select("[style], [sse-connect]")


def test_a_running_execution_waits_and_can_be_stopped(
    console: ConsoleClient, pipeline: PipelineClient, held: str
) -> None:
    page = console.get(path(held))
    assert states(page) == {"Hold": "Executing", "After": "Waiting"}
    assert page.select_one(f"[sse-connect='{path(held)}/events']")
    response = console.post(f"{path(held)}/stop", page)
    assert response.headers["location"] == path(held)
    assert pipeline.finish(held) == "Stopped"
    assert states(console.get(path(held))) == {"Hold": "Stopped", "After": "NotRun"}


def test_the_page_follows_and_ends_with_the_execution(
    console: ConsoleClient, pipeline: PipelineClient, held: str
) -> None:
    seen: list[str] = []
    stopped = 0.0
    with console.http.stream("GET", f"{path(held)}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("event: "):
                seen.append(line.removeprefix("event: "))
            if not stopped and "steps" in seen:
                pipeline.stop(held)
                stopped = time.monotonic()
            if "Stopping" in line and "badge" in line:
                assert time.monotonic() - stopped < 5  # 1 s where the machine is not busy
    assert {"badge", "facts", "graph", "timeline", "steps"} <= set(seen)
    assert seen[-1] == "end"


def test_a_failed_execution_is_retried(console: ConsoleClient, pipeline: PipelineClient) -> None:
    pipeline.create(fail("End"))
    arn, _ = pipeline.run()
    before = pipeline.steps(arn)["End"]["StartTime"]
    console.post(f"{path(arn)}/retry", console.get(path(arn)))
    assert pipeline.finish(arn) == "Failed"
    assert pipeline.steps(arn)["End"]["StartTime"] > before
    assert "from start to end" in console.get(path(arn)).text


def test_an_action_that_is_refused_is_reported(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    pipeline.create(fail("End"))
    arn, _ = pipeline.run()
    response = console.post(f"{path(arn)}/stop", console.get(path(arn)), 400)
    assert "ConflictException" in response.text


@pytest.mark.parametrize("below", ["", "/events", "/again"])
def test_an_unknown_execution_is_reported(console: ConsoleClient, below: str) -> None:
    page = console.get(f"/console/executions/nosuchthing0{below}", 400)
    assert "does not exist" in page.text
