"""Lambda: how many invocations of a function may run at a time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions.function import Name, get_version, invalid_value, named

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

THROTTLED = "TooManyRequestsException"
_KIND = "function-concurrency"
_RESERVED = "ReservedConcurrentExecutions"
# Lambda's quota of an account, and what of it must be left to functions that reserve nothing.
_ACCOUNT, _UNRESERVED = 1000, 100
_lock = threading.Lock()
# The invocations under way, by the state folder and the function's name.
_running: Counter[tuple[str, str]] = Counter()


@operation("PutFunctionConcurrency", "lambda", honours=("FunctionName", _RESERVED))
def put_concurrency(
    context: Context, request: types.PutFunctionConcurrencyRequestTypeDef
) -> Response:
    """Reserve a number of concurrent invocations: so many may run, and no more; 0: none."""
    name = _function(context, request)
    number = request["ReservedConcurrentExecutions"]
    with context.store.transaction():
        others = sum(kept[_RESERVED] for other, kept in context.store.items(_KIND) if other != name)
        if others + number > _ACCOUNT - _UNRESERVED:
            raise invalid_value(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{_UNRESERVED}]."
            )
        context.store.put(_KIND, name, {_RESERVED: number})
    return {_RESERVED: number}


@operation("GetFunctionConcurrency", "lambda", honours=("FunctionName",))
def get_concurrency(
    context: Context, request: types.GetFunctionConcurrencyRequestTypeDef
) -> Response:
    """The reserved number; none where nothing is reserved."""
    return {_RESERVED: reserved(context, _function(context, request))}


@operation("DeleteFunctionConcurrency", "lambda", honours=("FunctionName",))
def delete_concurrency(
    context: Context, request: types.DeleteFunctionConcurrencyRequestTypeDef
) -> Response:
    """Reserve nothing more."""
    context.store.delete(_KIND, _function(context, request))
    return {}


def reserved(context: Context, name: str) -> int | None:
    """How many invocations of a function may run at a time; None: as many as there are."""
    kept = context.store.get(_KIND, name)
    return int(kept[_RESERVED]) if kept else None


def delete(context: Context, name: str) -> None:
    """Forget what a function that is deleted had reserved."""
    context.store.delete(_KIND, name)


@contextmanager
def place(context: Context, name: str) -> Iterator[None]:
    """Hold one of a function's places while an invocation runs.

    Raises:
        ApiError: All of them are taken, as Lambda throttles.
    """
    key, most = (str(context.state), name), reserved(context, name)
    with _lock:
        free = most is None or _running[key] < most
        _running[key] += free
    if not free:
        throttle = (Measurement("Throttles", 1, "Count"),)
        context.metrics.record("AWS/Lambda", {"FunctionName": name}, throttle)
        raise ApiError(THROTTLED, "Rate Exceeded.", 429)
    try:
        yield
    finally:
        with _lock:
            _running[key] -= 1
            if not _running[key]:
                del _running[key]


def _function(
    context: Context,
    request: types.PutFunctionConcurrencyRequestTypeDef
    | types.GetFunctionConcurrencyRequestTypeDef
    | types.DeleteFunctionConcurrencyRequestTypeDef,
) -> str:
    """The function that a request names.

    Raises:
        ApiError: There is none, or the request names a version or alias.
    """
    name = named(context, request)
    if name.qualifier:
        raise invalid_value(
            "This operation is permitted on Lambda functions only. Aliases and versions do not "
            "support this operation. Please specify either a function name or an unqualified "
            "function ARN."
        )
    get_version(context, Name(name.function))
    return name.function
