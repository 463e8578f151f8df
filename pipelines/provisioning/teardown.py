"""Take one stage away again: what that deletes, what stays, and what each costs until then.

A plan is read from AWS each time, so an interrupted teardown continues where it ended. Only names
of the stage are looked for, in the session's region; roles and policies have the region in theirs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines import NAME, prices
from pipelines.errors import UserError
from pipelines.provisioning import template
from pipelines.provisioning.item import explained
from pipelines.provisioning.kinds import KINDS
from pipelines.provisioning.kinds.kind import Attached, Resource
from pipelines.settings import names
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_sagemaker import SageMakerClient

NOTHING = "nothing"
RUNNING = ("Executing", "Stopping")
# What costs something as long as it is there, by the type in the template.
COSTS = {
    "AWS::S3::Bucket": "storage, by the GB and month",
    "AWS::ECR::Repository": "storage, by the GB and month",
    "AWS::CloudWatch::Alarm": "a little, by the month",
    "AWS::Logs::LogGroup": "storage, by the GB and month",
    "AWS::Budgets::Budget": NOTHING,
}


class TeardownError(UserError):
    """The stage cannot be taken away yet."""


@dataclass(frozen=True)
class Part:
    """One thing of the stage.

    Attributes:
        kind: What it is, such as `endpoint`.
        name: Its name.
        cost: What it costs as long as it is there, in words.
        service: The service that deletes it, for errors.
        delete: Deletes it.
    """

    kind: str
    name: str
    cost: str
    service: str
    delete: Callable[[], object]


@dataclass(frozen=True)
class Plan:
    """What a teardown deletes, in this order, and what it leaves, each with the reason."""

    deleted: tuple[Part, ...]
    left: tuple[tuple[Part, str], ...]


def plan(session: "boto3.Session", settings: Settings, *, everything: bool) -> Plan:
    """Find what the stage has.

    Args:
        session: The target's session.
        settings: Resolved settings.
        everything: Also delete what outlives a stack: models, images and the bucket.

    Raises:
        TeardownError: An execution is running.
        SetupError: A permission is missing.
    """
    with explained("scheduler"):
        schedules = _schedules(session, settings)
    with explained("sagemaker"):
        client = session.client("sagemaker")
        _refuse_running(client, settings)
        deleted = [*_endpoints(client, settings), *schedules, *_pipelines(client, settings)]
        deleted += _models(client, settings)
    left = list[tuple[Part, str]]()
    described = [
        resource
        for resource in reversed(template.resources(settings))
        if not isinstance(KINDS[resource.type], Attached) and _is_there(session, resource)
    ]
    group = _log_group(settings)
    if everything and group.name not in {one.name for one in described}:  # `setup` may have made it
        described += [group] if _is_there(session, group) else []
    with explained("cloudformation"):
        stack = _stack(session, settings)
    if stack:
        deleted.append(_stack_part(session, stack))
    for resource in described:
        part = _part(session, resource)
        if not resource.retained:
            if not stack:
                deleted.append(part)
        elif not everything:
            left.append((part, "has the models, or what they run with; `--all` deletes it"))
        elif resource.type == "AWS::S3::Bucket" and resource.name != settings.default_bucket:
            left.append((part, "the setting `bucket` names it, so it may hold other things"))
        elif resource.type == "AWS::ECR::Repository" and (others := _others(session, settings)):
            left.append((part, f"{' and '.join(others)} uses it, too"))
        else:
            deleted.append(part)
    return Plan(tuple(deleted), tuple(left))


def carry_out(chosen: Plan, report: Callable[[Part], None]) -> None:
    """Delete what the plan says.

    Args:
        chosen: From `plan`.
        report: Called with each part when it is deleted.

    Raises:
        SetupError: Something could not be deleted; what comes before it is.
    """
    for part in chosen.deleted:
        with explained(part.service):
            part.delete()
        report(part)


def _refuse_running(client: "SageMakerClient", settings: Settings) -> None:
    for pipeline in _pipeline_names(client, settings):
        pages = client.get_paginator("list_pipeline_executions").paginate(PipelineName=pipeline)
        for page in pages:
            for execution in page["PipelineExecutionSummaries"]:
                if execution["PipelineExecutionStatus"] in RUNNING:
                    arn = execution["PipelineExecutionArn"]
                    raise TeardownError(
                        f"The execution {arn} is running. Stop it, and wait until it has ended: "
                        f"python pipeline.py --target {settings.target} stop {arn}"
                    )


def _endpoints(client: "SageMakerClient", settings: Settings) -> Iterator[Part]:
    """The endpoints first: they alone cost money by the hour."""
    pages: Any = client.get_paginator("list_endpoints").paginate(NameContains=settings.name)
    for name in _ours(pages, "Endpoints", "EndpointName", settings):
        config = client.describe_endpoint(EndpointName=name)["EndpointConfigName"]
        cost = _hourly(client, config, settings)
        yield Part("endpoint", name, cost, "sagemaker", _deleting_endpoint(client, name))


def _deleting_endpoint(client: "SageMakerClient", name: str) -> Callable[[], object]:
    def delete() -> None:
        client.delete_endpoint(EndpointName=name)
        client.get_waiter("endpoint_deleted").wait(EndpointName=name)

    return delete


def _hourly(client: "SageMakerClient", config: str, settings: Settings) -> str:
    """What an endpoint with this configuration costs an hour, in words."""
    if settings.target == "local":
        return NOTHING
    variants: Any = client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    known, hourly, words = prices.load(settings), 0.0, []
    for variant in variants:
        if not (type_ := variant.get("InstanceType")):
            return "by the request"
        count = variant.get("InitialInstanceCount", 1)
        words.append(f"{count} {type_}")
        price = known.of(type_)
        if price is None:
            return f"by the hour, for {' and '.join(words)}"
        hourly += count * price
    return f"{hourly:.2f} USD an hour, {24 * 30 * hourly:.0f} a month ({' and '.join(words)})"


def _pipelines(client: "SageMakerClient", settings: Settings) -> Iterator[Part]:
    for name in _pipeline_names(client, settings):
        yield Part("pipeline", name, NOTHING, "sagemaker", _call(client, "pipeline", name))


def _pipeline_names(client: "SageMakerClient", settings: Settings) -> list[str]:
    listing = client.get_paginator("list_pipelines")
    pages: Any = listing.paginate(PipelineNamePrefix=settings.name)
    return list(_ours(pages, "PipelineSummaries", "PipelineName", settings))


def _schedules(session: "boto3.Session", settings: Settings) -> list[Part]:
    """The schedule that has the endpoint watched; it goes before the pipeline that it starts."""
    client, name = session.client("scheduler"), settings.watch_name
    try:
        client.get_schedule(Name=name)
    except client.exceptions.ResourceNotFoundException:
        return []
    cost = "a processing job for each run"
    return [Part("schedule", name, cost, "scheduler", lambda: client.delete_schedule(Name=name))]


def _models(client: "SageMakerClient", settings: Settings) -> Iterator[Part]:
    """Endpoint configurations and models: they cost nothing, and nothing uses them any more."""
    for kind, operation, members in (
        ("endpoint configuration", "endpoint_config", ("EndpointConfigs", "EndpointConfigName")),
        ("model", "model", ("Models", "ModelName")),
    ):
        pages: Any = client.get_paginator(f"list_{operation}s").paginate(  # type: ignore[call-overload]
            NameContains=settings.name
        )
        for name in _ours(pages, *members, settings):
            yield Part(kind, name, NOTHING, "sagemaker", _call(client, operation, name))


def _call(client: "SageMakerClient", operation: str, name: str) -> Callable[[], object]:
    member = "".join(word.capitalize() for word in operation.split("_")) + "Name"
    return lambda: getattr(client, f"delete_{operation}")(**{member: name})


def _ours(pages: Any, members: str, key: str, settings: Settings) -> Iterator[str]:
    """The names of a listing that belong to the stage."""
    for page in pages:
        for one in page[members]:
            if names.belongs(settings.stage, one[key]):
                yield one[key]


def _is_there(session: "boto3.Session", resource: Resource) -> bool:
    kind = KINDS[resource.type]
    with explained(kind.service):
        return kind.exists(session, resource)


def _part(session: "boto3.Session", resource: Resource) -> Part:
    kind = KINDS[resource.type]
    cost = COSTS.get(resource.type, NOTHING)
    return Part(
        kind.word, resource.name, cost, kind.service, lambda: kind.delete(session, resource)
    )


def _log_group(settings: Settings) -> Resource:
    """The log of the promotion function, which Lambda creates."""
    name = f"/aws/lambda/{settings.function_name}"
    return Resource("Log", "AWS::Logs::LogGroup", name, {"LogGroupName": name}, retained=True)


def _stack(session: "boto3.Session", settings: Settings) -> str | None:
    """The CloudFormation stack that made the promotion function; None: `setup` made it."""
    from botocore.exceptions import ClientError

    client = session.client("cloudformation")
    try:
        response = client.describe_stack_resources(PhysicalResourceId=settings.function_name)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationError", "ValidationException"):
            return None
        raise
    stacks = {one["StackName"] for one in response["StackResources"]}
    return min(stacks, default=None)


def _stack_part(session: "boto3.Session", stack: str) -> Part:
    def delete() -> None:
        client = session.client("cloudformation")
        client.delete_stack(StackName=stack)
        client.get_waiter("stack_delete_complete").wait(StackName=stack)

    return Part("CloudFormation stack", stack, NOTHING, "cloudformation", delete)


def _others(session: "boto3.Session", settings: Settings) -> list[str]:
    """The other stages of this region that have a model package group."""
    listing = session.client("sagemaker").get_paginator("list_model_package_groups")
    groups = {
        group["ModelPackageGroupName"]
        for page in listing.paginate(NameContains=NAME)
        for group in page["ModelPackageGroupSummaryList"]
    }
    return [
        f"the stage {stage}"
        for stage in names.STAGES
        if stage != settings.stage and names.base(stage) in groups
    ]
