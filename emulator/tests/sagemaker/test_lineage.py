"""Lineage: entities, associations, queries, and what jobs, packages and endpoints leave."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.experiments import job_components
from sagemaker_emulator.sagemaker.jobs.kinds import TRAINING
from sagemaker_emulator.sagemaker.lineage import tracking

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


def artifact(context: Context, name: str, own_type: str = "DataSet", **more: Any) -> str:
    source = {"SourceUri": f"s3://b/{name}"}
    made = context.call(
        "CreateArtifact", ArtifactName=name, ArtifactType=own_type, Source=source, **more
    )
    return str(made["ArtifactArn"])


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = local_context(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def chain(context: Context) -> dict[str, str]:
    """Data → job → model → deployment → endpoint, and an image that goes into job and model."""
    arns = {name: artifact(context, name) for name in ("data", "image")}
    arns["model"] = artifact(context, "model", "Model", Properties={"kind": "x"})
    made = context.call("CreateTrialComponent", TrialComponentName="job")
    arns["job"] = made["TrialComponentArn"]
    source = {"SourceUri": f"{ARN}:endpoint/e"}
    made = context.call(
        "CreateAction", ActionName="deploy", ActionType="ModelDeployment", Source=source
    )
    arns["deploy"] = made["ActionArn"]
    made = context.call(
        "CreateContext", ContextName="endpoint", ContextType="Endpoint", Source=source
    )
    arns["endpoint"] = made["ContextArn"]
    for pair in ("data job", "image job", "job model", "image deploy", "model deploy"):
        associate(context, *(arns[name] for name in pair.split()))
    associate(context, arns["deploy"], arns["endpoint"], "AssociatedWith")
    return arns


def associate(context: Context, source: str, destination: str, kind: str = "ContributedTo") -> None:
    context.call(
        "AddAssociation", SourceArn=source, DestinationArn=destination, AssociationType=kind
    )


def query(context: Context, arns: dict[str, str], start: str, **request: Any) -> set[str]:
    found = context.call("QueryLineage", StartArns=[arns[start]], **request)
    names = {arn: name for name, arn in arns.items()}
    return {names[vertex["Arn"]] for vertex in found["Vertices"]}


@pytest.mark.parametrize(
    ("start", "request_", "expected"),
    [
        ("model", {"Direction": "Ascendants"}, "job data image"),
        ("model", {"Direction": "Descendants"}, "deploy endpoint"),
        ("model", {"Direction": "Ascendants", "MaxDepth": 1}, "job"),
        # Each step may go either way: the image leads to all that was made with it.
        ("data", {}, "job image model deploy endpoint"),
        ("data", {"Filters": {"LineageTypes": ["Action", "Context"]}}, "deploy endpoint"),
        ("endpoint", {"Direction": "Ascendants", "Filters": {"Types": ["Model"]}}, "model"),
        ("endpoint", {"Filters": {"Properties": {"kind": "x", "other": "y"}}}, "model"),
        ("endpoint", {"Filters": {"CreatedBefore": 1.0}}, ""),
        ("endpoint", {"Filters": {"ModifiedAfter": 1.0, "Types": ["Endpoint"]}}, ""),
        # With edges, what is on the way is there, too.
        (
            "data",
            {"Direction": "Descendants", "IncludeEdges": True, "Filters": {"Types": ["Model"]}},
            "data job model",
        ),
    ],
)
def test_queries_follow_associations(
    context: Context, chain: dict[str, str], start: str, request_: Any, expected: str
) -> None:
    assert query(context, chain, start, **request_) == set(expected.split())


def test_edges_are_between_vertices_and_pages_hold_some(
    context: Context, chain: dict[str, str]
) -> None:
    request = {"StartArns": [chain["data"]], "Direction": "Descendants", "IncludeEdges": True}
    whole = context.call("QueryLineage", **request)
    arns = {vertex["Arn"] for vertex in whole["Vertices"]}
    assert len(whole["Edges"]) == 4
    assert all({edge["SourceArn"], edge["DestinationArn"]} <= arns for edge in whole["Edges"])
    first = context.call("QueryLineage", **request, MaxResults=3)
    rest = context.call("QueryLineage", **request, MaxResults=3, NextToken=first["NextToken"])
    assert {vertex["Arn"] for vertex in first["Vertices"] + rest["Vertices"]} == arns


def test_associations_are_listed_by_either_end_and_by_type(
    context: Context, chain: dict[str, str]
) -> None:
    def listed(**request: Any) -> list[tuple[str, str]]:
        found = context.call("ListAssociations", SortOrder="Ascending", **request)
        return [
            (each["SourceArn"], each["DestinationArn"]) for each in found["AssociationSummaries"]
        ]

    assert listed(SourceArn=chain["data"]) == [(chain["data"], chain["job"])]
    assert listed(DestinationArn=chain["model"]) == [(chain["job"], chain["model"])]
    assert listed(SourceArn=chain["model"], DestinationType="ModelDeployment") == [
        (chain["model"], chain["deploy"])
    ]
    assert listed(SourceArn=chain["model"], DestinationType="Action")
    assert listed(AssociationType="AssociatedWith") == [(chain["deploy"], chain["endpoint"])]
    assert listed(SourceArn=chain["model"], DestinationType="Context") == []


def test_what_is_associated_is_not_deleted(context: Context, chain: dict[str, str]) -> None:
    with pytest.raises(ApiError, match="has 1 or more associations"):
        context.call("DeleteArtifact", ArtifactArn=chain["data"])
    context.call("DeleteAssociation", SourceArn=chain["data"], DestinationArn=chain["job"])
    assert "data" not in query(context, chain, "job", Direction="Ascendants")
    context.call("DeleteArtifact", Source={"SourceUri": "s3://b/data"})
    with pytest.raises(ApiError, match="ResourceNotFound"):
        context.call("DescribeArtifact", ArtifactArn=chain["data"])
    with pytest.raises(ApiError, match="ResourceNotFound: Association between"):
        context.call("DeleteAssociation", SourceArn=chain["data"], DestinationArn=chain["job"])
    context.call("DeleteTrialComponent", TrialComponentName="job")
    assert query(context, chain, "model", Direction="Ascendants") == set()
    assert context.call("ListAssociations", SourceArn=chain["job"])["AssociationSummaries"] == []


def test_wrong_requests_are_refused(context: Context, chain: dict[str, str]) -> None:
    with pytest.raises(ApiError, match=r"ValidationException: Artifact .* already exists"):
        artifact(context, "data")
    with pytest.raises(ApiError, match=r"ValidationException: Association .* already exists"):
        associate(context, chain["data"], chain["job"])
    context.call("CreateTrialComponent", TrialComponentName="other")
    with pytest.raises(ApiError, match="needs an artifact, action or context"):
        associate(context, chain["job"], f"{ARN}:experiment-trial-component/other")
    with pytest.raises(ApiError, match=r"ResourceNotFound: .*/nope' does not exist"):
        associate(context, chain["job"], f"{ARN}:artifact/nope")
    with pytest.raises(ApiError, match="StartArns: name"):
        context.call("QueryLineage")
    with pytest.raises(ApiError, match="ResourceNotFound"):
        context.call("QueryLineage", StartArns=[f"{ARN}:artifact/{'0' * 32}"])
    with pytest.raises(ApiError, match="Either ArtifactArn or Source"):
        context.call("DeleteArtifact")


def test_entities_are_updated_and_listed_by_source(context: Context, chain: dict[str, str]) -> None:
    context.call(
        "UpdateArtifact",
        ArtifactArn=chain["model"],
        ArtifactName="renamed",
        Properties={"more": "y"},
        PropertiesToRemove=["kind"],
    )
    described = context.call("DescribeArtifact", ArtifactArn=chain["model"])
    assert (described["ArtifactName"], described["Properties"]) == ("renamed", {"more": "y"})
    context.call("UpdateAction", ActionName="deploy", Status="Failed")
    assert context.call("DescribeAction", ActionName="deploy")["Status"] == "Failed"
    listed = context.call("ListArtifacts", SourceUri="s3://b/data")["ArtifactSummaries"]
    assert [each["ArtifactArn"] for each in listed] == [chain["data"]]
    assert len(context.call("ListArtifacts", ArtifactType="DataSet")["ArtifactSummaries"]) == 2
    listed = context.call("ListContexts", SourceUri=f"{ARN}:endpoint/e")["ContextSummaries"]
    assert [each["ContextName"] for each in listed] == ["endpoint"]


def test_jobs_packages_and_endpoints_leave_their_lineage(context: Context) -> None:
    model = "s3://b/out/model.tar.gz"
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train"}}
    job = {
        "TrainingJobName": "t",
        "TrainingJobArn": f"{ARN}:training-job/t",
        "TrainingJobStatus": "InProgress",
        "AlgorithmSpecification": {"TrainingImage": "train:1"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": source}],
        "CheckpointConfig": {"S3Uri": "s3://b/checkpoints"},
        "CreationTime": 1.0,
    }
    job_components.begin(context, TRAINING, job)
    ended = {"TrainingJobStatus": "Completed", "TrainingEndTime": 2.0}
    made = {"ModelArtifacts": {"S3ModelArtifacts": model}}
    job_components.end(context, TRAINING, job | ended | made)
    context.call("CreateModelPackageGroup", ModelPackageGroupName="g")
    containers = [{"Image": "serve:1", "ModelDataUrl": model, "ModelDataETag": "x"}]
    specification = {
        "Containers": containers,
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    package = context.call(
        "CreateModelPackage", ModelPackageGroupName="g", InferenceSpecification=specification
    )["ModelPackageArn"]
    context.call("UpdateModelPackage", ModelPackageArn=package, ModelApprovalStatus="Approved")
    served = {"ModelName": "m", "PrimaryContainer": {"ModelPackageName": package}}
    context.store.put("model", "m", served)
    config = {"EndpointConfigName": "c", "ProductionVariants": [{"ModelName": "m"}]}
    for _ in range(2):  # as after a restart
        tracking.add_deployment(context, f"{ARN}:endpoint/e", "e", config)

    (endpoint,) = context.call("ListContexts", SourceUri=f"{ARN}:endpoint/e")["ContextSummaries"]
    start = [endpoint["ContextArn"]]
    found = context.call("QueryLineage", StartArns=start, Direction="Ascendants")["Vertices"]
    uris = {
        context.call("DescribeArtifact", ArtifactArn=vertex["Arn"])["Source"]["SourceUri"]: vertex[
            "Type"
        ]
        for vertex in found
        if vertex["LineageType"] == "Artifact"
    }
    assert uris == {
        package: "Model",
        model: "Model",
        "serve:1": "Image",
        "train:1": "Image",
        "s3://b/train": "DataSet",
    }
    assert [vertex["Type"] for vertex in found if vertex["LineageType"] == "TrialComponent"] == [
        "TrainingJob"
    ]
    assert [vertex["Type"] for vertex in found if vertex["LineageType"] == "Action"] == [
        *("ModelDeployment", "Approval", "Approval")
    ]
    (of_package,) = context.call("ListArtifacts", SourceUri=package)["ArtifactSummaries"]
    associations = context.call("ListAssociations", SourceArn=of_package["ArtifactArn"])
    assert {
        (each["DestinationType"], each["AssociationType"])
        for each in associations["AssociationSummaries"]
    } == {("ModelGroup", "AssociatedWith"), ("ModelDeployment", "ContributedTo")}
    written = context.call(
        "ListAssociations", SourceArn=f"{ARN}:experiment-trial-component/t-aws-training-job"
    )["AssociationSummaries"]
    assert {each["DestinationType"] for each in written} == {"Model", "Checkpoint"}
