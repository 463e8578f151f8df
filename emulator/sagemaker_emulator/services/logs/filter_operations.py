"""CloudWatch Logs: the operations on metric filters and on subscription filters."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.logs.common import files, folder_of, invalid, page
from sagemaker_emulator.services.logs.filters import (
    METRIC,
    PRINCIPAL,
    SUBSCRIPTION,
    check_not_own,
    filters_of,
    key_of,
    source_arn,
)
from sagemaker_emulator.services.logs.patterns.pattern import parse
from sagemaker_emulator.services.logs.patterns.values import number
from sagemaker_emulator.services.targets import kind_of
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_logs import type_defs as types

# Filters of a group, by their kind, and what AWS calls them.
_MOST = {METRIC: 100, SUBSCRIPTION: 2}
_WORDS = {METRIC: "metric filter", SUBSCRIPTION: "subscription filter"}
_MOST_DIMENSIONS = 3


@operation(
    "PutMetricFilter",
    "logs",
    honours=("logGroupName", "filterName", "filterPattern", "metricTransformations"),
)
def put_metric_filter(context: Context, request: types.PutMetricFilterRequestTypeDef) -> Response:
    """Count what a pattern finds, or measure it, as a metric of CloudWatch."""
    parse(request["filterPattern"])
    for transformation in request["metricTransformations"]:
        _check(transformation)
    _put(context, METRIC, request)
    return {}


@operation("DeleteMetricFilter", "logs", honours=("logGroupName", "filterName"))
def delete_metric_filter(
    context: Context, request: types.DeleteMetricFilterRequestTypeDef
) -> Response:
    """Delete a metric filter; what it has measured stays."""
    return _delete(context, METRIC, request)


@operation(
    "DescribeMetricFilters",
    "logs",
    honours=(
        *("logGroupName", "filterNamePrefix", "metricName", "metricNamespace"),
        *("nextToken", "limit"),
    ),
)
def describe_metric_filters(
    context: Context, request: types.DescribeMetricFiltersRequestTypeDef
) -> Response:
    """Metric filters of a group, or of all, by name."""

    def measures(kept: Document) -> bool:
        return any(
            request.get("metricName") in (None, transformation["metricName"])
            and request.get("metricNamespace") in (None, transformation["metricNamespace"])
            for transformation in kept["metricTransformations"]
        )

    found = [each for each in _listed(context, METRIC, request) if measures(each)]
    shown, token = page("DescribeMetricFilters", request, found, "filterName", by="logGroupName")
    return {"metricFilters": shown, "nextToken": token}


@operation(
    "PutSubscriptionFilter",
    "logs",
    honours=("logGroupName", "filterName", "filterPattern", "destinationArn"),
    keeps=("roleArn", "distribution"),
)
def put_subscription_filter(
    context: Context, request: types.PutSubscriptionFilterRequestTypeDef
) -> Response:
    """Have a group send the events that match to a function."""
    group, arn = request["logGroupName"], request["destinationArn"]
    folder_of(context, group)
    parse(request["filterPattern"])
    if kind_of(arn) != "lambda":
        raise invalid(
            f"destinationArn {arn}: the emulator sends log events to Lambda functions only. Have "
            "a function send them on."
        )
    try:
        permitted = context.functions.permits(arn, PRINCIPAL, source_arn(context, group))
    except ApiError:  # there is none
        permitted = False
    if not permitted:
        raise invalid(
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
            "permission to execute your function."
        )
    check_not_own(context, group, arn)
    _put(context, SUBSCRIPTION, {"distribution": "ByLogStream", **request})
    return {}


@operation("DeleteSubscriptionFilter", "logs", honours=("logGroupName", "filterName"))
def delete_subscription_filter(
    context: Context, request: types.DeleteSubscriptionFilterRequestTypeDef
) -> Response:
    """Delete a subscription."""
    return _delete(context, SUBSCRIPTION, request)


@operation(
    "DescribeSubscriptionFilters",
    "logs",
    honours=("logGroupName", "filterNamePrefix", "nextToken", "limit"),
)
def describe_subscription_filters(
    context: Context, request: types.DescribeSubscriptionFiltersRequestTypeDef
) -> Response:
    """The subscriptions of a group, by name."""
    found = _listed(context, SUBSCRIPTION, request)
    shown, token = page(
        "DescribeSubscriptionFilters", request, found, "filterName", by="logGroupName"
    )
    return {"subscriptionFilters": shown, "nextToken": token}


def _put(context: Context, kind: str, request: Mapping[str, Any]) -> None:
    """Make or replace a filter.

    Raises:
        ApiError: There is no such group, or it has as many as it may have.
    """
    group, name = request["logGroupName"], request["filterName"]
    folder_of(context, group)
    with context.store.transaction():
        earlier = context.store.get(kind, key_of(group, name))
        if earlier is None and len(filters_of(context, kind, group)) >= _MOST[kind]:
            raise ApiError("LimitExceededException", "Resource limit exceeded.")
        created = (earlier or {}).get("creationTime", int(time.time() * 1000))
        context.store.put(kind, key_of(group, name), {**request, "creationTime": created})
    _changed(context, group)


def _delete(
    context: Context,
    kind: str,
    request: types.DeleteMetricFilterRequestTypeDef | types.DeleteSubscriptionFilterRequestTypeDef,
) -> Response:
    group = request["logGroupName"]
    folder_of(context, group)
    if not context.store.delete(kind, key_of(group, request["filterName"])):
        message = f"The specified {_WORDS[kind]} does not exist."
        raise ApiError("ResourceNotFoundException", message)
    _changed(context, group)
    return {}


def _listed(context: Context, kind: str, request: Mapping[str, Any]) -> list[Document]:
    """The filters of the group that a request names, or of all, whose names begin as it has it.

    Raises:
        ApiError: There is no such group.
    """
    group, prefix = request.get("logGroupName"), request.get("filterNamePrefix", "")
    if group:
        folder_of(context, group)
    found = filters_of(context, kind, group) if group else context.store.list(kind)
    return [each for each in found if each["filterName"].startswith(prefix)]


def _changed(context: Context, group: str) -> None:
    files(context).watcher.forget(group)


def _check(transformation: types.MetricTransformationUnionTypeDef) -> None:
    """Refuse a transformation that measures nothing.

    Raises:
        ApiError: Its value is no number and no field, or it has too many dimensions, or a default
            beside dimensions.
    """
    value = transformation["metricValue"]
    if not value.startswith("$") and number(value) is None:
        raise invalid(
            f"Invalid metric transformation: metricValue {value} is no number and no $ field"
        )
    dimensions = transformation.get("dimensions", {})
    if len(dimensions) > _MOST_DIMENSIONS:
        raise invalid(f"Invalid metric transformation: more than {_MOST_DIMENSIONS} dimensions")
    if dimensions and "defaultValue" in transformation:
        raise invalid(
            "Invalid metric transformation: dimensions and default value are mutually exclusive "
            "properties."
        )
