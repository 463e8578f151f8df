"""Search, on executions over stand-in jobs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pipeline_bench import Bench, open_bench
from pipeline_steps import ROLE, condition, definition, fail, get

from sagemaker_emulator.errors import ApiError

COUNT = {"Name": "Count", "Type": "Integer", "DefaultValue": 1}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Three executions that ended: first and second of pipeline p, third of q."""
    opened = open_bench(tmp_path, monkeypatch)
    above = {"Type": "GreaterThan", "LeftValue": get("Parameters.Count"), "RightValue": 1}
    steps = [condition("Above", [above], no=[fail("End")])]
    for pipeline in ("p", "q"):
        opened.create(
            PipelineName=pipeline,
            PipelineDefinition=definition(*steps, parameters=[COUNT]),
            RoleArn=ROLE,
        )
    opened.run(PipelineExecutionDisplayName="first-Night")
    opened.run({"Count": "2"}, PipelineExecutionDisplayName="second-night")
    opened.run(PipelineName="q", PipelineExecutionDisplayName="third-day")
    yield opened
    opened.stop_services()


def names(bench: Bench, *filters: dict[str, Any], **more: Any) -> list[str]:
    expression = {"Filters": list(filters), **more.pop("expression", {})} if filters else None
    request = {"SearchExpression": expression} if expression else {}
    found = bench.call("Search", Resource="PipelineExecution", **request, **more)
    results = [each["PipelineExecution"] for each in found["Results"]]
    return [each["PipelineExecutionDisplayName"].split("-")[0] for each in results]


def by(name: str, value: str | None = None, operator: str | None = None) -> dict[str, str]:
    entry = {"Name": name, "Value": value, "Operator": operator}
    return {key: each for key, each in entry.items() if each is not None}


def test_the_executions_of_all_pipelines_are_found_last_changed_first(bench: Bench) -> None:
    assert names(bench) == ["third", "second", "first"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([by("PipelineExecutionStatus", "Succeeded")], ["second"]),
        ([by("PipelineExecutionStatus", "Succeeded", "NotEquals")], ["third", "first"]),
        ([by("PipelineExecutionStatus", "Executing,Failed", "In")], ["third", "first"]),
        ([by("PipelineExecutionDisplayName", "night", "Contains")], ["second", "first"]),
        ([by("PipelineArn", "pipeline/q", "Contains")], ["third"]),
        ([by("FailureReason", operator="Exists")], ["third", "first"]),
        ([by("FailureReason", operator="NotExists")], ["second"]),
        ([by("CreationTime", "2020-01-01", "LessThan")], []),
        ([by("CreationTime", "0", "GreaterThanOrEqualTo")], ["third", "second", "first"]),
        (
            [
                by("PipelineExecutionDisplayName", "night", "Contains"),
                by("PipelineExecutionStatus", "Failed"),
            ],
            ["first"],
        ),
    ],
)
def test_filters_select(bench: Bench, filters: list[dict[str, str]], expected: list[str]) -> None:
    assert names(bench, *filters) == expected


def test_filters_can_be_alternatives(bench: Bench) -> None:
    filters = [by("PipelineExecutionStatus", "Succeeded"), by("PipelineArn", "/q", "Contains")]
    assert names(bench, *filters, expression={"Operator": "Or"}) == ["third", "second"]


def test_results_come_in_pages_and_in_the_order_asked_for(bench: Bench) -> None:
    request = {"Resource": "PipelineExecution", "SortBy": "CreationTime", "SortOrder": "Ascending"}
    first = bench.call("Search", **request, MaxResults=2)
    second = bench.call("Search", **request, MaxResults=2, NextToken=first["NextToken"])
    found = [each["PipelineExecution"] for each in first["Results"] + second["Results"]]
    assert [each["PipelineExecutionDisplayName"] for each in found] == [
        *("first-Night", "second-night", "third-day")
    ]
    assert "NextToken" not in second


def test_a_result_has_its_parameters(bench: Bench) -> None:
    (found,) = bench.call(
        "Search",
        Resource="PipelineExecution",
        SearchExpression={"Filters": [by("PipelineExecutionStatus", "Succeeded")]},
    )["Results"]
    assert found["PipelineExecution"]["PipelineParameters"] == [{"Name": "Count", "Value": "2"}]


@pytest.mark.parametrize(
    ("filter_", "message"),
    [
        (by("Nope", "x"), "Unknown property 'Nope'"),
        (by("PipelineArn", "x", "GreaterThan"), "which is a text"),
        (by("CreationTime", "x"), "is not a time"),
        (by("CreationTime", "2020-01-01", "Contains"), "which is a time"),
        (by("PipelineArn"), "needs a Value"),
        (by("PipelineArn", "x", "Exists"), "has no Value"),
    ],
)
def test_a_wrong_filter_is_refused(bench: Bench, filter_: dict[str, str], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        names(bench, filter_)


def test_other_resources_are_refused(bench: Bench) -> None:
    with pytest.raises(ApiError, match="has no such resources, and searches TrainingJob"):
        bench.call("Search", Resource="FeatureGroup")


def test_an_unknown_order_is_refused(bench: Bench) -> None:
    with pytest.raises(ApiError, match="Unknown property 'Nope'"):
        names(bench, SortBy="Nope")


@pytest.mark.parametrize("name", ['a "quoted" name', "a \\ name", "ein größerer Name"])
def test_any_description_is_found(bench: Bench, name: str) -> None:
    bench.run(PipelineExecutionDescription=name, PipelineExecutionDisplayName="fourth")
    assert names(bench, by("PipelineExecutionDescription", name)) == ["fourth"]
    assert names(bench, by("PipelineExecutionDescription", name[2:], "Contains")) == ["fourth"]
