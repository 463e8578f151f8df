"""The page of a step: its request, log, outputs and attempts."""

from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from console_client import ConsoleClient
from emulator_process import Emulator
from pipeline_client import PipelineClient, python
from pipeline_steps import condition, fail, get, join, json_get

WRITE = (
    "import json, os; print('counted 7 bins'); json.dump({'share': 0.7}, "
    "open(os.environ.get('OPT_ML', '/opt/ml') + '/processing/out/report.json', 'w'))"
)
BREAK = "import sys; print('the last line'); sys.exit(3)"


@pytest.fixture
def pipeline(emulator: Emulator, name: str) -> PipelineClient:
    return PipelineClient(emulator.client("sagemaker"), name)


def path(arn: str, step: str) -> str:
    return f"/console/executions/{arn.rpartition('/')[2]}/steps/{step}"


def section(page: BeautifulSoup, title: str) -> Tag:
    (found,) = [each for each in page.select("section") if each.h2 and title in each.h2.text]
    return found


def expressions(page: BeautifulSoup) -> dict[str, list[str]]:
    """By argument the expression as written, and its value."""
    rows = section(page, "Request").select("tbody tr")
    cells: list[list[Any]] = [row.select("td") for row in rows]
    return {argument.text: [written.text, value.text] for argument, written, value in cells}


def test_expressions_are_shown_beside_their_values(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    test = {"Type": "GreaterThan", "LeftValue": json_get("Count", "share")}
    least = {"Name": "Least", "Type": "Float", "DefaultValue": 0.9}
    pipeline.create(
        python("Count", WRITE, environment={"LEAST": join(get("Parameters.Least"))}),
        condition(
            "Enough",
            [{**test, "RightValue": get("Parameters.Least")}],
            no=[fail("Few", join("only ", json_get("Count", "share")))],
        ),
        parameters=(least,),
    )
    arn, _ = pipeline.run()
    execution = arn.rpartition("/")[2]
    of_job = expressions(console.get(path(arn, "Count")))
    assert of_job["Environment.LEAST"][1] == "0.9"
    uri = of_job["ProcessingOutputConfig.Outputs[0].S3Output.S3Uri"]
    assert uri[0] == 'join("/", "s3://bucket", Execution.PipelineExecutionId, "Count")'
    assert uri[1] == f"s3://bucket/{execution}/Count"
    of_condition = expressions(console.get(path(arn, "Enough")))
    assert of_condition["Conditions[0].LeftValue"][1] == "0.7"
    assert of_condition["Conditions[0].RightValue"] == ["Parameters.Least", "0.9"]
    page = console.get(path(arn, "Few"))
    assert expressions(page)["ErrorMessage"][1] == "only 0.7"
    assert "caches no Fail step" in section(page, "Cache").text


def test_a_step_that_did_not_run_has_values_that_are_not_known(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    later = {"NAME": get("Steps.First.ProcessingJobName")}
    pipeline.create(python("First", BREAK), python("Second", "pass", environment=later))
    arn, _ = pipeline.run()
    page = console.get(path(arn, "Second"))
    assert "not known: the step has not begun" in expressions(page)["Environment.NAME"][1]


def test_the_log_and_the_outputs_are_shown(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    pipeline.create(python("Count", WRITE))
    arn, _ = pipeline.run()
    page = console.get(path(arn, "Count"))
    assert "counted 7 bins" in section(page, "Log").text
    outputs = section(page, "Outputs")
    assert "report.json" in outputs.text
    preview = str(outputs.select("[hx-get]")[0]["hx-get"])
    assert '"share": 0.7' in console.get(preview).text
    assert not page.select("[style], [sse-connect]")


def test_a_failure_is_shown_with_its_log_and_each_attempt(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    pipeline.create(python("Count", BREAK), python("Count-2", "pass"))
    arn, _ = pipeline.run()
    pipeline.client.retry_pipeline_execution(
        PipelineExecutionArn=arn, ClientRequestToken="retry".ljust(32, "0")
    )
    pipeline.finish(arn)
    page = console.get(path(arn, "Count"))
    assert "exit code: 3" in page.select(".problem")[0].text
    assert "the last line" in section(page, "Log").text
    jobs = [link.text for link in section(page, "Attempts").select("a")]
    assert len(jobs) == 2 and all("-Count-" in job and "-Count-2-" not in job for job in jobs)
    last = pipeline.steps(arn)["Count"]["Metadata"]["ProcessingJob"]["Arn"]
    assert last.endswith(jobs[1])
    assert page.select_one(f"a[href='/console/jobs/processing/{jobs[1]}']")


def test_the_page_of_a_running_step_follows_it(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    pipeline.create(python("Hold", "import time; print('held', flush=True); time.sleep(120)"))
    arn = pipeline.start()
    pipeline.until_running(arn, "Hold")
    page = console.get(path(arn, "Hold"))
    address = str(page.select("[sse-connect]")[0]["sse-connect"])
    seen, is_stopped = [], False
    with console.http.stream("GET", address) as response:
        for line in response.iter_lines():
            if line.startswith("event: "):
                seen.append(line.removeprefix("event: "))
            if "log" in seen and not is_stopped:
                pipeline.stop(arn)
                is_stopped = True
    assert {"state", "request", "attempts", "log"} <= set(seen)
    assert seen[-1] == "end"
    assert pipeline.finish(arn) == "Stopped"


def test_an_unknown_step_is_reported(console: ConsoleClient, pipeline: PipelineClient) -> None:
    pipeline.create(fail("End"))
    arn, _ = pipeline.run()
    assert "Its steps: End" in console.get(path(arn, "Start"), 404).text
