"""Every List operation: pages by place, order, filters, and the tokens that it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.paginate import TokenDecoder
from local_context import local_context

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import operations
from sagemaker_emulator.errors import ApiError

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
EXECUTION = f"{ARN}:pipeline/p/execution/abcdefghijkl"
Json = dict[str, Any]
NAMES = [f"item-{number}" for number in range(7)]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path)
    pipeline = {"PipelineName": "p", "PipelineArn": f"{ARN}:pipeline/p", "Version": 1}
    made.store.put("pipeline", "p", pipeline)
    made.store.put("model-package-group", "g", {"ModelPackageGroupName": "g"})
    made.store.put("model", "m", {"ModelName": "m"})
    yield made
    made.store.close()


def put_job(context: Context, kind: str, title: str, name: str, at: float, **more: Any) -> None:
    times = {"CreationTime": at, "LastModifiedTime": at}
    names = {f"{title}Name": name, f"{title}Arn": f"{ARN}:{kind}/{name}"}
    context.store.put(kind, name, {**names, f"{title}Status": "Completed", **times, **more})


@dataclass
class Listing:
    """How items of one List operation are made and deleted, in the test's own words."""

    member: str
    shown: str
    put: Callable[[Context, str, float], object]
    delete: Callable[[Context, str], object]
    request: Json = field(default_factory=dict)


def of_kind(kind: str, title: str, member: str, **more: Any) -> Listing:
    return Listing(
        member,
        f"{title}Name",
        lambda context, name, at: put_job(context, kind, title, name, at, **more),
        lambda context, name: context.store.delete(kind, name),
    )


def put_execution(context: Context, name: str, at: float) -> None:
    arn = f"{ARN}:pipeline/p/execution/{name}"
    record = {"PipelineExecutionArn": arn, "CreationTime": at, "PipelineExecutionDisplayName": name}
    context.store.put("pipeline-execution", arn, record)


def delete_execution(context: Context, name: str) -> None:
    context.store.delete("pipeline-execution", f"{ARN}:pipeline/p/execution/{name}")


def put_step(context: Context, name: str, at: float) -> None:
    context.store.put("pipeline-execution", EXECUTION, {"PipelineExecutionArn": EXECUTION})
    step = {"StepName": name, "StepStatus": "Succeeded", "StartTime": at}
    context.store.put("pipeline-step", f"{EXECUTION}/step/{name}", step)


def put_trial(context: Context, name: str, at: float) -> None:
    kind = "hyper-parameter-tuning-job"
    trials = (context.store.get(kind, "t") or {"Trials": []})["Trials"]
    trial = {"TrainingJobName": name, "CreationTime": at, "TrainingJobStatus": "Completed"}
    context.store.put(kind, "t", {"Trials": [*trials, trial]})


def delete_trial(context: Context, name: str) -> None:
    kind = "hyper-parameter-tuning-job"
    trials = (context.store.get(kind, "t") or {})["Trials"]
    kept = [trial for trial in trials if trial["TrainingJobName"] != name]
    context.store.put(kind, "t", {"Trials": kept})


def put_package(context: Context, name: str, at: float) -> None:
    version = int(name.rpartition("-")[2])
    document = {
        "ModelPackageName": f"g/{version}",
        "ModelPackageArn": f"{ARN}:model-package/g/{version}",
        "ModelPackageVersion": version,
        "ModelPackageDescription": name,
        "CreationTime": at,
    }
    context.store.put("model-package", f"g/{version}", document)


def put_version(context: Context, name: str, at: float) -> None:
    number = int(name.rpartition("-")[2])
    record = {"PipelineVersionId": number, "PipelineVersionDisplayName": name, "CreationTime": at}
    context.store.put("pipeline-version", f"p/{number}", record)


def put_card_version(context: Context, name: str, at: float) -> None:
    context.store.put("model-card", "c", {"ModelCardName": "c"})
    number = int(name.rpartition("-")[2])
    record = {"ModelCardVersion": number, "ModelCardArn": name, "ModelCardStatus": "Draft"}
    record |= {"CreationTime": at}
    context.store.put("model-card-version", f"c/{number}", record)


def put_association(context: Context, name: str, at: float) -> None:
    ends = {
        f"{end}{what}": name
        for end in ("Source", "Destination")
        for what in ("Type", "Kind", "Arn")
    }
    document = {"Name": name, "SourceName": name, "CreationTime": at, **ends}
    context.store.put("association", name, document)


TUNING = {"HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": {}}}
LISTINGS = {
    "ListModels": of_kind("model", "Model", "Models"),
    "ListEndpointConfigs": of_kind("endpoint-config", "EndpointConfig", "EndpointConfigs"),
    "ListEndpoints": of_kind("endpoint", "Endpoint", "Endpoints"),
    "ListProcessingJobs": of_kind("processing-job", "ProcessingJob", "ProcessingJobSummaries"),
    "ListTrainingJobs": of_kind("training-job", "TrainingJob", "TrainingJobSummaries"),
    "ListTransformJobs": of_kind("transform-job", "TransformJob", "TransformJobSummaries"),
    "ListHyperParameterTuningJobs": of_kind(
        "hyper-parameter-tuning-job",
        "HyperParameterTuningJob",
        "HyperParameterTuningJobSummaries",
        **TUNING,
    ),
    "ListTrainingJobsForHyperParameterTuningJob": Listing(
        "TrainingJobSummaries",
        "TrainingJobName",
        put_trial,
        delete_trial,
        {"HyperParameterTuningJobName": "t"},
    ),
    "ListPipelines": of_kind("pipeline", "Pipeline", "PipelineSummaries"),
    "ListPipelineExecutions": Listing(
        "PipelineExecutionSummaries",
        "PipelineExecutionDisplayName",
        put_execution,
        delete_execution,
        {"PipelineName": "p"},
    ),
    "ListPipelineVersions": Listing(
        "PipelineVersionSummaries",
        "PipelineVersionDisplayName",
        put_version,
        lambda context, name: context.store.delete(
            "pipeline-version", f"p/{name.rpartition('-')[2]}"
        ),
        {"PipelineName": "p"},
    ),
    "ListPipelineExecutionSteps": Listing(
        "PipelineExecutionSteps",
        "StepName",
        put_step,
        lambda context, name: context.store.delete("pipeline-step", f"{EXECUTION}/step/{name}"),
        {"PipelineExecutionArn": EXECUTION},
    ),
    "ListModelPackageGroups": of_kind(
        "model-package-group", "ModelPackageGroup", "ModelPackageGroupSummaryList"
    ),
    "ListModelCards": of_kind("model-card", "ModelCard", "ModelCardSummaries"),
    "ListModelCardVersions": Listing(
        "ModelCardVersionSummaryList",
        "ModelCardArn",
        put_card_version,
        lambda context, name: context.store.delete(
            "model-card-version", f"c/{name.rpartition('-')[2]}"
        ),
        {"ModelCardName": "c"},
    ),
    "ListArtifacts": of_kind("artifact", "Artifact", "ArtifactSummaries"),
    "ListActions": of_kind("action", "Action", "ActionSummaries"),
    "ListContexts": of_kind("context", "Context", "ContextSummaries"),
    "ListAssociations": Listing(
        "AssociationSummaries",
        "SourceName",
        put_association,
        lambda context, name: context.store.delete("association", name),
    ),
    "ListExperiments": of_kind("experiment", "Experiment", "ExperimentSummaries"),
    "ListTrials": of_kind("experiment-trial", "Trial", "TrialSummaries"),
    "ListTrialComponents": of_kind(
        "experiment-trial-component", "TrialComponent", "TrialComponentSummaries"
    ),
    "ListModelPackages": Listing(
        "ModelPackageSummaryList",
        "ModelPackageDescription",
        put_package,
        lambda context, name: context.store.delete("model-package", f"g/{name.rpartition('-')[2]}"),
        {"ModelPackageGroupName": "g"},
    ),
}
# Nothing of these can be deleted while somebody pages: an execution's parameters stay as they are,
# and a page of tags holds all that a resource may have.
OTHERS = {"ListPipelineParametersForExecution", "ListTags"}
LISTED = list(LISTINGS)


def test_every_list_operation_is_tested_here() -> None:
    lists = {name for service, name in operations if service == "sagemaker" and "List" in name}
    assert lists == LISTINGS.keys() | OTHERS


def fill(context: Context, operation: str) -> Listing:
    for kind in ("pipeline", "model-package-group", "model"):
        if operation in ("ListPipelines", "ListModelPackageGroups", "ListModels"):
            context.store.delete(kind, {"pipeline": "p", "model": "m"}.get(kind, "g"))
    listing = LISTINGS[operation]
    for number, name in enumerate(NAMES):
        listing.put(context, name, 1000.0 + number)
    return listing


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
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 501):
        put_package(context, f"item-{number}", 1000.0 + number)
    numbers: list[int] = []
    read = context.store.read

    def count(batch: Any) -> Any:
        numbers.extend(batch)
        return read(batch)

    monkeypatch.setattr(context.store, "read", count)
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
    assert len(numbers) == 10 * 51 - 1  # not 10 pages of 500


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_page_sorted_by_name_reads_no_more_than_it_shows(
    context: Context, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    names = [f"item-{number * 37 % 200:03d}" for number in range(200)]
    for number, name in enumerate(names):
        put_job(context, "training-job", "TrainingJob", name, 1000.0 + number)
    put_job(context, "training-jobs", "TrainingJob", "item-x", 1.0)
    numbers: list[int] = []
    read = context.store.read

    def count(batch: Any) -> Any:
        numbers.extend(batch)
        return read(batch)

    monkeypatch.setattr(context.store, "read", count)
    request: Json = {"SortBy": "Name", "SortOrder": order, "MaxResults": 40}
    shown = []
    while True:
        listed = context.call("ListTrainingJobs", **request)
        shown += [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]]
        if "NextToken" not in listed:
            break
        request["NextToken"] = listed["NextToken"]
    assert shown == sorted(names, reverse=order == "Descending")
    assert len(numbers) == 5 * 41 - 1
    del request["NextToken"]
    listed = context.call("ListTrainingJobs", **request, NameContains="M-19")
    assert len(listed["TrainingJobSummaries"]) == 10


def test_page_of_a_name_reads_only_documents_of_that_name(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        put_job(context, "training-job", "TrainingJob", f"item-{number:03d}", 1000.0 + number)
    numbers: list[int] = []
    read = context.store.read

    def count(batch: Any) -> Any:
        numbers.extend(batch)
        return read(batch)

    monkeypatch.setattr(context.store, "read", count)
    listed = context.call("ListTrainingJobs", NameContains="ITEM-01")
    assert [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]] == [
        f"item-01{digit}" for digit in range(9, -1, -1)
    ]
    assert len(numbers) == 10
