"""Search of training jobs, tuning jobs, models, packages, groups, pipelines and endpoints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.storage.selection import Selection

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


def channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"ChannelName": name, "DataSource": source}


def put_job(context: Context, number: int, accuracy: float, rate: str, *channels: Any) -> None:
    name = f"job-{number}"
    metric = {"MetricName": "validation:accuracy", "Value": accuracy, "Timestamp": 1.0}
    document = {
        "TrainingJobName": name,
        "TrainingJobArn": f"{ARN}:training-job/{name}",
        "TrainingJobStatus": "Completed",
        "HyperParameters": {"learning_rate": rate, "kind": "a" if number % 2 else "b"},
        "FinalMetricDataList": [metric],
        "InputDataConfig": list(channels),
        "BillableTimeInSeconds": number,
        "EnableManagedSpotTraining": number == 2,
        "CreationTime": 1000.0 + number,
        "LastModifiedTime": 2000.0 - number,
    }
    context.store.put("training-job", name, document)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """Three training jobs; the first is the last that was changed."""
    made = local_context(tmp_path)
    put_job(made, 1, 0.9, "0.5", channel("train", "s3://b/cats"), channel("test", "s3://b/dogs"))
    put_job(made, 2, 0.95, "0.05", channel("train", "s3://b/dogs"), channel("test", "s3://b/cats"))
    put_job(made, 3, 0.8, "1.5", channel("train", "s3://b/cats"))
    tags = [{"Key": "team", "Value": "red"}, {"Key": "a.b", "Value": "1"}]
    made.call("AddTags", ResourceArn=f"{ARN}:training-job/job-1", Tags=tags)
    blue = [{"Key": "team", "Value": "blue"}]
    made.call("AddTags", ResourceArn=f"{ARN}:training-job/job-2", Tags=blue)
    yield made
    made.store.close()


def jobs(context: Context, expression: Any = None, **more: Any) -> list[int]:
    request = more | ({"SearchExpression": expression} if expression else {})
    found = context.call("Search", Resource="TrainingJob", **request)
    return [int(each["TrainingJob"]["TrainingJobName"][-1]) for each in found["Results"]]


def by(name: str, operator: str = "Equals", value: str | None = None) -> dict[str, str]:
    entry = {"Name": name, "Operator": operator}
    return entry if value is None else {**entry, "Value": value}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (by("TrainingJobName", "Equals", "job-2"), [2]),
        (by("TrainingJobName", "Contains", "OB-2"), [2]),
        (by("Metrics.validation:accuracy", "GreaterThan", "0.85"), [1, 2]),
        (by("FinalMetricDataList.validation:accuracy", "LessThanOrEqualTo", "0.9"), [1, 3]),
        (by("Metrics.other", "Exists"), []),
        (by("HyperParameters.learning_rate", "LessThan", "0.5"), [2]),
        (by("HyperParameters.learning_rate", "Equals", "0.50"), [1]),
        # An integer makes decimals integers, by AWS's reference.
        (by("HyperParameters.learning_rate", "Equals", "1"), [3]),
        (by("HyperParameters.learning_rate", "LessThan", "1"), [1, 2]),
        (by("HyperParameters.kind", "Equals", "a"), [1, 3]),
        (by("HyperParameters.kind", "GreaterThan", "1"), []),
        (by("Tags.team", "Equals", "red"), [1]),
        (by("Tags.team", "In", "red,blue"), [1, 2]),
        (by("Tags.a.b", "Exists"), [1]),
        (by("Tags.team", "NotEquals", "red"), [2, 3]),
        (by("Tags", "NotExists"), [3]),
        (by("EnableManagedSpotTraining", "Equals", "true"), [2]),
        (by("EnableNetworkIsolation", "Equals", "false"), [1, 2, 3]),
        (by("BillableTimeInSeconds", "GreaterThanOrEqualTo", "2"), [2, 3]),
        (by("CreationTime", "LessThan", "1970-01-01T00:16:42"), [1]),
        (by("InputDataConfig.ChannelName", "Equals", "test"), [1, 2]),
        (by("InputDataConfig.CompressionType", "Equals", "None"), [1, 2, 3]),
        (by("trainingJobName", "Equals", "job-3"), [3]),
    ],
)
def test_filters_select(context: Context, entry: dict[str, str], expected: list[int]) -> None:
    assert jobs(context, {"Filters": [entry]}) == expected


def test_one_item_must_satisfy_all_of_a_nested_filter(context: Context) -> None:
    prefix = "InputDataConfig.DataSource.S3DataSource.S3Uri"
    filters = [
        by("InputDataConfig.ChannelName", "Equals", "train"),
        by(prefix, "Contains", "b/cats"),
    ]
    nested = {"NestedPropertyName": "InputDataConfig", "Filters": filters}
    assert jobs(context, {"NestedFilters": [nested]}) == [1, 3]
    assert jobs(context, {"Filters": filters}) == [1, 2, 3]
    more = [by("HyperParameters.kind", "Equals", "b")]
    assert jobs(context, {"NestedFilters": [nested], "Filters": more, "Operator": "Or"}) == [
        *(1, 2, 3)
    ]


def test_expressions_are_in_expressions(context: Context) -> None:
    red = {"Filters": [by("Tags.team", "Equals", "red")]}
    accurate = {"Filters": [by("Metrics.validation:accuracy", "GreaterThan", "0.92")]}
    either = {"SubExpressions": [red, accurate], "Operator": "Or"}
    assert jobs(context, either) == [1, 2]
    kind = [by("HyperParameters.kind", "Equals", "b")]
    assert jobs(context, {"SubExpressions": [either], "Filters": kind}) == [2]


def test_results_are_sorted_by_any_property(context: Context) -> None:
    assert jobs(context) == [1, 2, 3]
    assert jobs(context, SortBy="TrainingJobName", SortOrder="Descending") == [3, 2, 1]
    assert jobs(context, SortBy="metrics.validation:accuracy") == [2, 1, 3]
    request: dict[str, Any] = {"SortBy": "Tags.team", "SortOrder": "Ascending", "MaxResults": 2}
    first = context.call("Search", Resource="TrainingJob", **request)
    rest = context.call("Search", Resource="TrainingJob", **request, NextToken=first["NextToken"])
    found = [*first["Results"], *rest["Results"]]
    assert [each["TrainingJob"]["TrainingJobName"] for each in found] == [
        *("job-3", "job-2", "job-1")
    ]
    assert "NextToken" not in rest


def test_result_has_tags_metrics_and_defaults(context: Context) -> None:
    expression = {"Filters": [by("TrainingJobName", "Equals", "job-1")]}
    (found,) = context.call("Search", Resource="TrainingJob", SearchExpression=expression)[
        "Results"
    ]
    job = found["TrainingJob"]
    assert {"Key": "team", "Value": "red"} in job["Tags"]
    assert job["FinalMetricDataList"][0]["Value"] == 0.9
    assert job["EnableNetworkIsolation"] is False


def test_visibility_hides_other_values_of_a_tag(context: Context) -> None:
    red = [{"Key": "Tags.team", "Value": "red"}]
    assert jobs(context, VisibilityConditions=red) == [1, 3]
    with pytest.raises(ApiError, match=r"must be Tags\.KEY"):
        jobs(context, VisibilityConditions=[{"Key": "team", "Value": "red"}])


def test_no_other_account_shares_anything(context: Context) -> None:
    assert jobs(context, CrossAccountFilterOption="SameAccount") == [1, 2, 3]
    assert jobs(context, CrossAccountFilterOption="CrossAccount") == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"Filters": [by("HyperParameters", "Equals", "x")]}, "is an object"),
        ({"Filters": [by("BillableTimeInSeconds", "Equals", "x")]}, "is not a number"),
        ({"Filters": [by("BillableTimeInSeconds", "Contains", "1")]}, "which is a number"),
        ({"Filters": [by("EnableManagedSpotTraining", "Equals", "1")]}, "not true or false"),
        ({"Filters": [by("TrainingJobName.x", "Equals", "1")]}, "Unknown property"),
        ({"Filters": [by("InputDataConfig.Nope", "Equals", "1")]}, "Unknown property"),
        (
            {"Filters": [by("RoleArn", "Contains", "a"), by("TrainingJobName", "Contains", "b")]},
            "'CONTAINS' operator usage limit of 1 exceeded",
        ),
        (
            {"NestedFilters": [{"NestedPropertyName": "RoleArn", "Filters": [by("a", "Exists")]}]},
            "is no list of objects",
        ),
        (
            {"NestedFilters": [{"NestedPropertyName": "Nope", "Filters": [by("a", "Exists")]}]},
            "Unknown property 'Nope'",
        ),
        (
            {"SubExpressions": [{"Filters": [by("RoleArn", "Exists")] * 20} for _ in range(3)]},
            "at most 50",
        ),
    ],
)
def test_a_wrong_expression_is_refused(context: Context, expression: Any, message: str) -> None:
    with pytest.raises(ApiError, match=message):
        jobs(context, expression)


def search(context: Context, resource: str, *filters: dict[str, str]) -> list[Any]:
    expression = {"SearchExpression": {"Filters": list(filters)}} if filters else {}
    return list(context.call("Search", Resource=resource, **expression)["Results"])


def test_groups_and_versions_are_found(context: Context) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    for group in ("first", "second"):
        context.call("CreateModelPackageGroup", ModelPackageGroupName=group, Tags=tags)
    for status in ("Approved", "Rejected"):
        context.call(
            "CreateModelPackage", ModelPackageGroupName="first", ModelApprovalStatus=status
        )
    (group,) = search(context, "ModelPackageGroup", by("ModelPackageGroupName", "Equals", "first"))
    assert group["ModelPackageGroup"]["Tags"] == tags
    assert len(search(context, "ModelPackageGroup")) == 2
    (version,) = search(
        context,
        "ModelPackage",
        by("ModelPackageGroupName", "Equals", "first"),
        by("ModelApprovalStatus", "Equals", "Approved"),
    )
    assert version["ModelPackage"]["ModelPackageVersion"] == 1
    assert "ModelPackageName" not in version["ModelPackage"]
    sorted_by_version = context.call(
        "Search", Resource="ModelPackage", SortBy="ModelPackageVersion", SortOrder="Ascending"
    )
    found = [each["ModelPackage"]["ModelPackageVersion"] for each in sorted_by_version["Results"]]
    assert found == [1, 2]


def test_models_endpoints_pipelines_and_tuning_jobs_are_found(context: Context) -> None:
    context.call("CreateModel", ModelName="m", PrimaryContainer={"Image": "plain"})
    variant = {"VariantName": "v", "ModelName": "m", "CurrentInstanceCount": 1}
    config = {"ProductionVariants": [{"VariantName": "v", "ModelName": "m"}]}
    endpoint = {
        "EndpointName": "e",
        "EndpointArn": f"{ARN}:endpoint/e",
        "EndpointConfigName": "c",
        "EndpointStatus": "InService",
        "Config": config,
        "ProductionVariants": [variant],
        "CreationTime": 1.0,
        "LastModifiedTime": 1.0,
    }
    context.store.put("endpoint", "e", endpoint)
    (model,) = search(context, "Model", by("Model.PrimaryContainer.Image", "Equals", "plain"))
    assert model["Model"]["Endpoints"][0]["EndpointName"] == "e"
    (found,) = search(context, "Endpoint", by("ProductionVariants.VariantName", "Equals", "v"))
    assert found["Endpoint"]["EndpointStatus"] == "InService"
    names = {"PipelineName": "p", "PipelineArn": f"{ARN}:pipeline/p", "LastModifiedTime": 1.0}
    context.store.put("pipeline", "p", names)
    (pipeline,) = search(context, "Pipeline", by("PipelineName", "Contains", "P"))
    assert pipeline["Pipeline"]["CreatedBy"]["IamIdentity"]
    version = {"Name": "p/1", "PipelineArn": names["PipelineArn"], "PipelineVersionId": 1}
    context.store.put("pipeline-version", "p/1", version)
    (found,) = search(context, "PipelineVersion", by("PipelineVersionId", "Equals", "1"))
    assert found["PipelineVersion"]["PipelineArn"] == names["PipelineArn"]
    kind = "hyper-parameter-tuning-job"
    tuning = {
        "HyperParameterTuningJobName": "t",
        "HyperParameterTuningJobArn": f"{ARN}:{kind}/t",
        "HyperParameterTuningJobConfig": {"Strategy": "Random"},
        "LastModifiedTime": 1.0,
    }
    context.store.put(kind, "t", tuning)
    (job,) = search(
        context,
        "HyperParameterTuningJob",
        by("HyperParameterTuningJobConfig.Strategy", "Equals", "Random"),
    )
    assert job["HyperParameterTuningJob"]["HyperParameterTuningJobName"] == "t"


def test_what_is_linked_is_read_for_what_is_shown_or_filtered_by_it(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        context.call("CreateModel", ModelName=f"m{number}", PrimaryContainer={"Image": "plain"})
        job = {"TransformJobName": f"t{number}", "ModelName": f"m{number}", "CreationTime": 1.0}
        context.store.put("transform-job", f"t{number}", job)
    kinds: list[str] = []
    select = context.store.select

    def count(selection: Selection) -> Any:
        kinds.append(selection.kind)
        return select(selection)

    monkeypatch.setattr(context.store, "select", count)
    (model,) = search(context, "Model", by("Model.ModelName", "Equals", "m3"))
    assert model["Model"]["LastBatchTransformJob"]["TransformJobName"] == "t3"
    assert kinds.count("transform-job") == 1
    (model,) = search(context, "Model", by("LastBatchTransformJob.TransformJobName", value="t2"))
    assert model["Model"]["Model"]["ModelName"] == "m2"
    nested = {"NestedPropertyName": "tags", "Filters": [by("tags.value", "Equals", "red")]}
    assert jobs(context, {"NestedFilters": [nested]}) == [1]


def test_suggestions_begin_with_the_hint(context: Context) -> None:
    def suggestions(**query: Any) -> list[str]:
        found = context.call("GetSearchSuggestions", Resource="TrainingJob", **query)
        return [each["PropertyName"] for each in found["PropertyNameSuggestions"]]

    hint = {"PropertyNameQuery": {"PropertyNameHint": "trainingjob"}}
    assert suggestions(SuggestionQuery=hint) == [
        *("TrainingJobArn", "TrainingJobName", "TrainingJobStatus")
    ]
    for name in suggestions():
        jobs(context, {"Filters": [by(name, "Exists")]})
