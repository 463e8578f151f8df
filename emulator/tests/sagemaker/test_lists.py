"""Every List operation: pages by place, order, filters, and the tokens that it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.paginate import TokenDecoder
from listings import (
    ARN,
    EXECUTION,
    LISTINGS,
    NAMES,
    OTHERS,
    Json,
    fill,
    put_job,
    put_package,
)
from local_context import local_context

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import operations
from sagemaker_emulator.errors import ApiError

LISTED = list(LISTINGS)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path)
    pipeline = {"PipelineName": "p", "PipelineArn": f"{ARN}:pipeline/p", "Version": 1}
    made.store.put("pipeline", "p", pipeline)
    made.store.put("model-package-group", "g", {"ModelPackageGroupName": "g"})
    made.store.put("model", "m", {"ModelName": "m"})
    yield made
    made.store.close()


@pytest.fixture
def reads(context: Context, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the documents that are read from now on."""
    numbers: list[int] = []
    read = context.store.read

    def count(batch: Any) -> Any:
        numbers.extend(batch)
        return read(batch)

    monkeypatch.setattr(context.store, "read", count)
    return numbers


def test_every_list_operation_is_tested_here() -> None:
    lists = {name for service, name in operations if service == "sagemaker" and "List" in name}
    assert lists == LISTINGS.keys() | OTHERS


@pytest.mark.parametrize("operation", LISTED)
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_deleting_and_creating_while_paging_loses_and_repeats_nothing(
    context: Context, operation: str, order: str
) -> None:
    listing = fill(context, operation)
    request = {**listing.request, "SortOrder": order, "MaxResults": 2}
    first = context.call(operation, **request)
    shown = [item[listing.shown] for item in first[listing.member]]
    ordered = NAMES if order == "Ascending" else NAMES[::-1]
    assert shown == ordered[:2]

    for name in (*shown, ordered[3]):  # the page's last, too: a place needs nobody to stand on it
        listing.delete(context, name)
    listing.put(context, "item-8", 1008.0)
    token = first["NextToken"]
    while token:
        following = context.call(operation, **request, NextToken=token)
        shown += [item[listing.shown] for item in following[listing.member]]
        token = following.get("NextToken")
    # Where the order has what is new at its end, it is shown, too.
    new = ["item-8"] if order == "Ascending" else []
    assert shown == [name for name in ordered if name != ordered[3]] + new


@pytest.mark.parametrize("operation", LISTED)
def test_token_of_another_request_is_refused(context: Context, operation: str) -> None:
    listing = fill(context, operation)
    other = "ListModels" if operation != "ListModels" else "ListEndpoints"
    token = context.call(operation, **listing.request, MaxResults=1)["NextToken"]
    refused = r'ValidationException: Invalid pagination token because "\{0\}"\.'
    for wrong in ("xx", "MTA=", token[:-4], token[4:], "\u0663", "A" * 8000):
        with pytest.raises(ApiError, match=refused):
            context.call(operation, **listing.request, NextToken=wrong)
    with pytest.raises(ApiError, match=refused):
        context.call(other, NextToken=token)
    with pytest.raises(ApiError, match=refused):
        turned = {**listing.request, "SortOrder": "Ascending", "NextToken": token}
        context.call(operation, **turned)
    # Another size of page is no other request.
    assert context.call(operation, **listing.request, MaxResults=5, NextToken=token)


def test_token_is_never_one_of_botocores_own(context: Context) -> None:
    fill(context, "ListModels")
    token = context.call("ListModels", MaxResults=1)["NextToken"]
    with pytest.raises(ValueError):
        TokenDecoder().decode(token)


DEFAULT_ORDERS = {
    "ListProcessingJobs": NAMES,
    "ListModelPackageGroups": NAMES,
    "ListHyperParameterTuningJobs": NAMES,
    "ListTrainingJobsForHyperParameterTuningJob": NAMES,
}


@pytest.mark.parametrize("operation", LISTED)
def test_default_order_is_the_references(context: Context, operation: str) -> None:
    listing = fill(context, operation)
    items = context.call(operation, **listing.request)[listing.member]
    expected = DEFAULT_ORDERS.get(operation, NAMES[::-1])
    assert [item[listing.shown] for item in items] == expected


def test_status_of_training_jobs_is_filtered_after_a_page_is_taken(context: Context) -> None:
    fill(context, "ListTrainingJobs")
    context.store.update("training-job", NAMES[0], TrainingJobStatus="Failed")
    first = context.call("ListTrainingJobs", StatusEquals="Failed", MaxResults=5)
    assert first["TrainingJobSummaries"] == []
    second = context.call(
        "ListTrainingJobs", StatusEquals="Failed", MaxResults=5, NextToken=first["NextToken"]
    )
    assert [job["TrainingJobName"] for job in second["TrainingJobSummaries"]] == [NAMES[0]]
    assert "NextToken" not in second


def test_status_of_other_jobs_is_filtered_before(context: Context) -> None:
    fill(context, "ListProcessingJobs")
    context.store.update("processing-job", NAMES[-1], ProcessingJobStatus="Failed")
    found = context.call("ListProcessingJobs", StatusEquals="Failed", MaxResults=1)
    assert [job["ProcessingJobName"] for job in found["ProcessingJobSummaries"]] == [NAMES[-1]]
    assert "NextToken" not in found


def test_bounds_of_time_include_after_and_exclude_before(context: Context) -> None:
    fill(context, "ListModels")
    found = context.call("ListModels", CreationTimeAfter=1002.0, CreationTimeBefore=1004.0)
    assert [model["ModelName"] for model in found["Models"]] == [NAMES[3], NAMES[2]]


def test_parameters_are_listed_in_pages(context: Context) -> None:
    record = {"PipelineExecutionArn": EXECUTION, "Parameters": {"b": 1, "a": True, "c": "x"}}
    context.store.put("pipeline-execution", EXECUTION, record)
    request = {"PipelineExecutionArn": EXECUTION, "MaxResults": 2}
    first = context.call("ListPipelineParametersForExecution", **request)
    rest = context.call(
        "ListPipelineParametersForExecution", **request, NextToken=first["NextToken"]
    )
    listed = [*first["PipelineParameters"], *rest["PipelineParameters"]]
    assert [(item["Name"], item["Value"]) for item in listed] == [
        ("b", "1"),
        ("a", "true"),
        ("c", "x"),
    ]
    assert "NextToken" not in rest


def test_tags_fit_one_page(context: Context) -> None:
    arn = f"{ARN}:model/m"
    tags = [{"Key": f"key-{number}", "Value": "v"} for number in range(50)]
    context.call("AddTags", ResourceArn=arn, Tags=tags)
    listed = context.call("ListTags", ResourceArn=arn, MaxResults=50)
    assert len(listed["Tags"]) == 50
    assert "NextToken" not in listed
    with pytest.raises(ApiError, match="Invalid pagination token"):
        context.call("ListTags", ResourceArn=arn, NextToken="xx")
    with pytest.raises(ApiError, match="'aws:mine' is not allowed"):
        context.call("AddTags", ResourceArn=arn, Tags=[{"Key": "aws:mine", "Value": "v"}])


def test_page_reads_no_more_documents_than_it_shows(
    context: Context, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 501):
        put_package(context, f"item-{number}", 1000.0 + number)
    monkeypatch.setattr(context.store, "list", None)
    request: Json = {"ModelPackageGroupName": "g", "MaxResults": 50}
    shown = []
    while True:
        listed = context.call("ListModelPackages", **request)
        shown += [item["ModelPackageVersion"] for item in listed["ModelPackageSummaryList"]]
        if "NextToken" not in listed:
            break
        request["NextToken"] = listed["NextToken"]
    assert shown == list(range(500, 0, -1))
    assert len(reads) == 10 * 51 - 1  # not 10 pages of 500


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_page_sorted_by_name_reads_no_more_than_it_shows(
    context: Context, reads: list[int], order: str
) -> None:
    names = [f"item-{number * 37 % 200:03d}" for number in range(200)]
    for number, name in enumerate(names):
        put_job(context, "training-job", "TrainingJob", name, 1000.0 + number)
    put_job(context, "training-jobs", "TrainingJob", "item-x", 1.0)
    request: Json = {"SortBy": "Name", "SortOrder": order, "MaxResults": 40}
    shown = []
    while True:
        listed = context.call("ListTrainingJobs", **request)
        shown += [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]]
        if "NextToken" not in listed:
            break
        request["NextToken"] = listed["NextToken"]
    assert shown == sorted(names, reverse=order == "Descending")
    assert len(reads) == 5 * 41 - 1
    del request["NextToken"]
    listed = context.call("ListTrainingJobs", **request, NameContains="M-19")
    assert len(listed["TrainingJobSummaries"]) == 10


def test_page_of_a_name_reads_only_documents_of_that_name(
    context: Context, reads: list[int]
) -> None:
    for number in range(200):
        put_job(context, "training-job", "TrainingJob", f"item-{number:03d}", 1000.0 + number)
    listed = context.call("ListTrainingJobs", NameContains="ITEM-01")
    assert [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]] == [
        f"item-01{digit}" for digit in range(9, -1, -1)
    ]
    assert len(reads) == 10
