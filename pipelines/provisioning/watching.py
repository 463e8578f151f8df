"""What watching needs: the folders that it reads, and its schedule."""

from typing import TYPE_CHECKING, Any

from pipelines.errors import UserError
from pipelines.provisioning.item import Item, State
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

DESCRIPTION = "Compares what the endpoint answers with the test of its model."
MARKER = "README.txt"
MARKER_TEXT = "The pipeline that watches the endpoint reads this folder; a job needs one object.\n"


class ScheduleError(UserError):
    """The schedule cannot be created."""


def markers(session: "boto3.Session", settings: Settings) -> None:
    """Put an object where a job reads a folder that may be empty otherwise, which fails it."""
    s3 = session.client("s3")
    for address in (
        settings.capture_address, settings.baselines_address, settings.audits_address,
    ):  # fmt: skip
        key = f"{address.split('/', 3)[3]}/{MARKER}"
        if not s3.list_objects_v2(Bucket=settings.bucket_name, Prefix=key, MaxKeys=1)["KeyCount"]:
            s3.put_object(Bucket=settings.bucket_name, Key=key, Body=MARKER_TEXT.encode())


def schedule(session: "boto3.Session", settings: Settings, expression: str) -> Item:
    """Create or update the schedule that starts the pipeline.

    Args:
        session: The target's session.
        settings: Resolved settings.
        expression: Such as `rate(1 day)` or `cron(0 6 * * ? *)`, in UTC.

    Raises:
        ScheduleError: EventBridge Scheduler refuses it.
    """
    from botocore.exceptions import ClientError

    client = session.client("scheduler")
    name = settings.watch_name
    request: dict[str, Any] = {
        "Name": name,
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED",
        "Description": DESCRIPTION,
        "Target": {
            "Arn": settings.arn("sagemaker", f"pipeline/{name}"),
            "RoleArn": settings.arn("iam", f"role/{settings.global_name('watch')}"),
            "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
        },
    }
    state: State = "created"
    try:
        try:
            current: Any = client.get_schedule(Name=name)
        except client.exceptions.ResourceNotFoundException:
            client.create_schedule(**request)
        else:
            same = current["ScheduleExpression"] == expression
            state = "exists" if same and current["State"] == "ENABLED" else "updated"
            client.update_schedule(**request)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        raise ScheduleError(
            f"The schedule {expression!r} is refused: {message} Allowed: rate(1 day), "
            "rate(12 hours), or cron(0 6 * * ? *). If the role is missing: "
            f"python pipeline.py --target {settings.target} setup"
        ) from None
    return Item("schedule", f"{name} {expression}", state)


def unschedule(session: "boto3.Session", settings: Settings) -> bool:
    """Delete the schedule; return whether there was one."""
    client = session.client("scheduler")
    try:
        client.delete_schedule(Name=settings.watch_name)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True
