"""Experiments, trials and trial components as records, in the test's own process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """Experiments a and b; trial t of a, and u of b; component c in both, d in none."""
    made = local_context(tmp_path)
    for experiment in "ab":
        made.call("CreateExperiment", ExperimentName=experiment)
    made.call("CreateTrial", TrialName="t", ExperimentName="a")
    made.call("CreateTrial", TrialName="u", ExperimentName="b")
    for component in "cd":
        made.call("CreateTrialComponent", TrialComponentName=component)
    for trial in "tu":
        made.call("AssociateTrialComponent", TrialComponentName="c", TrialName=trial)
    yield made
    made.store.close()


def test_names_are_not_case_sensitive(context: Context) -> None:
    arn = context.call("CreateExperiment", ExperimentName="Big-One")["ExperimentArn"]
    assert arn == f"{ARN}:experiment/big-one"
    described = context.call("DescribeExperiment", ExperimentName="BIG-one")
    assert described["ExperimentName"] == described["DisplayName"] == "Big-One"
    with pytest.raises(ApiError, match=r"ValidationException: .*\(BIG-ONE\) already exists"):
        context.call("CreateExperiment", ExperimentName="BIG-ONE")


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("DescribeExperiment", {"ExperimentName": "x"}),
        ("CreateTrial", {"TrialName": "v", "ExperimentName": "x"}),
        ("DescribeTrial", {"TrialName": "x"}),
        ("UpdateTrial", {"TrialName": "x"}),
        ("DescribeTrialComponent", {"TrialComponentName": "x"}),
        ("AssociateTrialComponent", {"TrialComponentName": "c", "TrialName": "x"}),
        ("DisassociateTrialComponent", {"TrialComponentName": "d", "TrialName": "t"}),
        ("ListTrials", {"ExperimentName": "x"}),
        ("ListTrialComponents", {"TrialName": "x"}),
    ],
)
def test_what_is_not_there_is_refused(
    context: Context, operation: str, request_: dict[str, str]
) -> None:
    with pytest.raises(ApiError, match=r"ResourceNotFound: .*does not exist"):
        context.call(operation, **request_)


def test_of_a_trial_and_a_component_that_are_not_there_the_trial_is_named(
    context: Context,
) -> None:
    with pytest.raises(ApiError, match=r"ResourceNotFound: Trial '.*:experiment-trial/x' does"):
        context.call("AssociateTrialComponent", TrialComponentName="x", TrialName="x")


def test_what_others_need_is_not_deleted(context: Context) -> None:
    with pytest.raises(ApiError, match=f"'{ARN}:experiment/a' is linked to 1 or more trials"):
        context.call("DeleteExperiment", ExperimentName="a")
    with pytest.raises(ApiError, match=f"'{ARN}:experiment-trial/t' is linked"):
        context.call("DeleteTrial", TrialName="t")
    with pytest.raises(ApiError, match=f"'{ARN}:experiment-trial-component/c' is linked to 1 or m"):
        context.call("DeleteTrialComponent", TrialComponentName="c")
    for trial in "tu":
        context.call("DisassociateTrialComponent", TrialComponentName="c", TrialName=trial)
    context.call("DeleteTrialComponent", TrialComponentName="c")
    context.call("DeleteTrial", TrialName="t")
    context.call("DeleteExperiment", ExperimentName="a")
    listed = context.call("ListExperiments")["ExperimentSummaries"]
    assert [each["ExperimentName"] for each in listed] == ["b"]


def names(context: Context, noun: str, **request: Any) -> list[str]:
    listed = context.call(f"List{noun}s", SortBy="Name", SortOrder="Ascending", **request)
    return [each[f"{noun}Name"] for each in listed[f"{noun}Summaries"]]


def test_lists_are_filtered(context: Context) -> None:
    assert names(context, "Trial") == ["t", "u"]
    assert names(context, "Trial", ExperimentName="A") == ["t"]
    assert names(context, "Trial", TrialComponentName="c") == ["t", "u"]
    assert names(context, "Trial", TrialComponentName="d") == []
    assert names(context, "TrialComponent") == ["c", "d"]
    assert names(context, "TrialComponent", ExperimentName="b") == ["c"]
    assert names(context, "TrialComponent", TrialName="T") == ["c"]
    assert names(context, "TrialComponent", CreatedBefore=1.0) == []
    with pytest.raises(ApiError, match="takes one of"):
        names(context, "TrialComponent", TrialName="t", ExperimentName="a")


def test_updates_add_replace_and_remove(context: Context) -> None:
    context.call(
        "UpdateTrialComponent",
        TrialComponentName="d",
        Parameters={"rate": {"NumberValue": 0.5}, "kind": {"StringValue": "x"}},
        InputArtifacts={"data": {"Value": "s3://b/data"}},
    )
    context.call(
        "UpdateTrialComponent",
        TrialComponentName="d",
        DisplayName="shown",
        Status={"PrimaryStatus": "Completed"},
        Parameters={"rate": {"NumberValue": 0.25}},
        ParametersToRemove=["kind"],
    )
    described = context.call("DescribeTrialComponent", TrialComponentName="d")
    assert described["Parameters"] == {"rate": {"NumberValue": 0.25}}
    assert described["InputArtifacts"] == {"data": {"Value": "s3://b/data"}}
    assert described["DisplayName"] == "shown"
    with pytest.raises(ApiError, match="would have 301 Parameters; at most 300"):
        many = {f"p{number}": {"NumberValue": 1} for number in range(300)}
        context.call("UpdateTrialComponent", TrialComponentName="d", Parameters=many)


def test_components_are_searched_by_parents_parameters_and_tags(context: Context) -> None:
    def found(name: str, value: str, operator: str = "Equals") -> list[str]:
        filters = [{"Name": name, "Value": value, "Operator": operator}]
        results = context.call(
            "Search",
            Resource="ExperimentTrialComponent",
            SearchExpression={"Filters": filters},
        )["Results"]
        return [each["TrialComponent"]["TrialComponentName"] for each in results]

    parameters = {
        "rate": {"NumberValue": 0.5},
        "kind": {"StringValue": "x"},
        "rows": {"NumberValue": 1234567.0},
    }
    context.call("UpdateTrialComponent", TrialComponentName="d", Parameters=parameters)
    tags = [{"Key": "team", "Value": "red"}]
    context.call("AddTags", ResourceArn=f"{ARN}:experiment-trial-component/d", Tags=tags)
    assert found("Parents.ExperimentName", "a") == ["c"]
    assert found("Parents.TrialName", "t") == ["c"]
    assert found("Parameters.rate", "0.3", "GreaterThan") == ["d"]
    assert found("Parameters.kind", "x") == ["d"]
    assert found("Parameters.rows", "7,1234567", "In") == ["d"]
    assert found("Parameters.rows", "4567", "Contains") == ["d"]
    assert found("Tags.team", "red") == ["d"]
    (trial,) = context.call(
        "Search",
        Resource="ExperimentTrial",
        SearchExpression={"Filters": [{"Name": "ExperimentName", "Value": "a"}]},
    )["Results"]
    assert trial["Trial"]["TrialComponentSummaries"][0]["TrialComponentName"] == "c"
