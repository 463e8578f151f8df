"""What the page of a step says of the step cache."""

import pytest
from bs4 import BeautifulSoup
from console_client import ConsoleClient
from emulator_process import Emulator
from pipeline_client import PipelineClient, python
from pipeline_steps import Json, get

SEED = {"Name": "Seed", "Type": "Integer", "DefaultValue": 1}


@pytest.fixture
def pipeline(emulator: Emulator, name: str) -> PipelineClient:
    return PipelineClient(emulator.client("sagemaker"), name)


def create(pipeline: PipelineClient, **cache: object) -> None:
    more: Json = {"CacheConfig": {"Enabled": True, **cache}} if cache.get("Enabled", True) else {}
    pipeline.create(
        python("Count", "pass", environment={"SEED": get("Parameters.Seed"), "KEPT": "x"}, **more),
        parameters=(SEED,),
    )


def cache(console: ConsoleClient, arn: str) -> str:
    page: BeautifulSoup = console.get(f"/console/executions/{arn.rpartition('/')[2]}/steps/Count")
    (found,) = [each for each in page.select("section") if each.h2 and "Cache" in each.h2.text]
    return " ".join(found.get_text(" ").split())


def test_a_first_run_has_no_earlier_result(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    create(pipeline)
    arn, _ = pipeline.run()
    assert "Cache miss There was no earlier result" in cache(console, arn)


def test_a_hit_names_the_execution_that_the_result_is_of(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    create(pipeline)
    first, _ = pipeline.run()
    second, _ = pipeline.run()
    shown = cache(console, second)
    assert shown.startswith("Cache hit")
    assert f"The result is of {first.rpartition('/')[2]}" in shown
    page = console.get(f"/console/executions/{second.rpartition('/')[2]}")
    assert [each.text for each in page.select("svg.graph .state")] == ["Processing · cached"]


def test_a_miss_names_the_argument_that_changed(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    create(pipeline)
    first, _ = pipeline.run()
    pipeline.run()  # a hit is no run to compare with
    third, _ = pipeline.run(Seed="2")
    shown = cache(console, third)
    assert f"Compared with {first.rpartition('/')[2]}" in shown
    assert "argument that changed then now Environment.SEED 1 2" in shown
    assert "KEPT" not in shown


def test_an_expired_result_is_named_as_such(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    create(pipeline, ExpireAfter="PT0.001S")
    pipeline.run()
    second, _ = pipeline.run()
    assert "older than ExpireAfter (PT0.001S) allows" in cache(console, second)


def test_a_cache_that_is_off_is_named_as_such(
    console: ConsoleClient, pipeline: PipelineClient
) -> None:
    create(pipeline, Enabled=False)
    arn, _ = pipeline.run()
    assert "Cache off The definition does not enable" in cache(console, arn)
