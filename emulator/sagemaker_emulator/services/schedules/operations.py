"""EventBridge Scheduler: the operations on schedules."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.pages import cut, scope_of
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.schedules import groups, schedule_targets
from sagemaker_emulator.services.schedules import schedule as schedules
from sagemaker_emulator.services.schedules.schedule import (
    DEFAULT_AGE,
    DEFAULT_GROUP,
    DEFAULT_RETRIES,
    SCHEDULE,
    name_of,
)
from sagemaker_emulator.storage.store import Document

_BY_NAME = ("Name", "GroupName")
_OF_TARGET = (
    *("Arn", "RoleArn", "DeadLetterConfig", "RetryPolicy", "Input", "SqsParameters"),
    *("EventBridgeParameters", "SageMakerPipelineParameters"),
)
_SETTINGS = (
    *("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate", "Description"),
    *("State", "FlexibleTimeWindow", "ActionAfterCompletion"),
    *(f"Target.{member}" for member in _OF_TARGET),
)
_KEPT = ("KmsKeyArn",)


@operation(
    "CreateSchedule", "scheduler", honours=(*_BY_NAME, *_SETTINGS, "ClientToken"), keeps=_KEPT
)
def create_schedule(context: Context, request: Mapping[str, Any]) -> Response:
    """Make a schedule; the same request with the same ClientToken makes one."""
    now, group = time.time(), request.get("GroupName", DEFAULT_GROUP)
    if request.get("StartDate", now) < now - schedules.EARLIEST_START_SECONDS:
        message = "The StartDate you specify cannot be earlier than 5 minutes ago."
        raise ApiError("ValidationException", message)
    schedule = _schedule(context, request, now)
    schedule |= schedules.due(schedule, schedules.first(schedule, now))
    with context.store.transaction():
        groups.get(context, group)
        if not context.store.create(SCHEDULE, name_of(group, request["Name"]), schedule):
            earlier = _get(context, request)
            token = request.get("ClientToken")
            if not token or (earlier["ClientToken"], earlier["Request"]) != (
                token,
                schedule["Request"],
            ):
                message = f"Schedule {request['Name']} already exists."
                raise ApiError("ConflictException", message, 409)
    context.clock.wake()
    return {"ScheduleArn": schedule["Arn"]}


@operation(
    "UpdateSchedule", "scheduler", honours=(*_BY_NAME, *_SETTINGS, "ClientToken"), keeps=_KEPT
)
def update_schedule(context: Context, request: Mapping[str, Any]) -> Response:
    """Replace all settings; what the request leaves out gets its default."""
    now = time.time()
    schedule = _schedule(context, request, now)
    with context.store.transaction():
        earlier = _get(context, request)
        schedule |= {"CreationDate": earlier["CreationDate"]}
        times = ("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate")
        same = all(schedule.get(member) == earlier.get(member) for member in times)
        # Another description must not call the target of a rate at once, nor that of a past time.
        following = schedules.following(schedule, now) if same else schedules.first(schedule, now)
        if same and earlier["Next"] is not None:
            following = earlier["Next"]
        schedule |= schedules.due(schedule, following)
        context.store.put(SCHEDULE, name_of(earlier["GroupName"], earlier["Name"]), schedule)
    context.clock.wake()
    return {"ScheduleArn": schedule["Arn"]}


@operation("GetSchedule", "scheduler", honours=_BY_NAME)
def get_schedule(context: Context, request: Mapping[str, Any]) -> Response:
    """A schedule."""
    return _get(context, request)


@operation("DeleteSchedule", "scheduler", honours=(*_BY_NAME, "ClientToken"))
def delete_schedule(context: Context, request: Mapping[str, Any]) -> Response:
    """Forget a schedule; a call that is under way is tried on."""
    with context.store.transaction():
        schedule = _get(context, request)
        context.store.delete(SCHEDULE, name_of(schedule["GroupName"], schedule["Name"]))
    return {}


@operation(
    "ListSchedules",
    "scheduler",
    honours=("GroupName", "NamePrefix", "State", "NextToken", "MaxResults"),
)
def list_schedules(context: Context, request: Mapping[str, Any]) -> Response:
    """Schedules by their group and name."""
    group = request.get("GroupName")
    if group:
        groups.get(context, group)
    found = [
        {**each, "Target": {"Arn": each["Target"]["Arn"]}}
        for each in context.store.list(SCHEDULE, f"{group}/" if group else "")
        if each["Name"].startswith(request.get("NamePrefix", ""))
        and each["State"] == request.get("State", each["State"])
    ]
    page, token = cut(
        sorted(found, key=_place),
        request.get("NextToken"),
        request.get("MaxResults", 100),
        scope=scope_of("ListSchedules", request),
        place=_place,
    )
    return {"Schedules": page, "NextToken": token}


def _place(schedule: Document) -> tuple[str, str]:
    return schedule["GroupName"], schedule["Name"]


def _schedule(context: Context, request: Mapping[str, Any], now: float) -> Document:
    """The document of a schedule that a request describes.

    Raises:
        ApiError: `ValidationException`.
    """
    group, name = request.get("GroupName", DEFAULT_GROUP), request["Name"]
    target = dict(request["Target"])
    policy = {"MaximumEventAgeInSeconds": DEFAULT_AGE, "MaximumRetryAttempts": DEFAULT_RETRIES}
    target["RetryPolicy"] = policy | target.get("RetryPolicy", {})
    schedule_targets.check(context, target)
    settings = {
        key: value for key, value in request.items() if key not in ("ClientToken", "Target")
    }
    schedule = {
        "State": "ENABLED",
        "ScheduleExpressionTimezone": "UTC",
        "ActionAfterCompletion": "NONE",
        **settings,
        "GroupName": group,
        "Arn": context.arn("schedule", f"{group}/{name}", "scheduler"),
        "Target": target,
        "CreationDate": now,
        "LastModificationDate": now,
        "ClientToken": request.get("ClientToken"),
        "Request": json.dumps([settings, target], sort_keys=True),
    }
    schedules.check(schedule, now)
    return schedule


def _get(context: Context, request: Mapping[str, Any]) -> Document:
    group = request.get("GroupName", DEFAULT_GROUP)
    schedule = context.store.get(SCHEDULE, name_of(group, request["Name"]))
    if schedule is None:
        message = f"Schedule {request['Name']} does not exist."
        raise ApiError("ResourceNotFoundException", message, 404)
    return schedule
