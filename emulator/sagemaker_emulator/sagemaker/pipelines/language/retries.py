"""Retry policies: after which failures a step runs again, when, and how often.

Defaults and limits are those of "Retry Policy for Pipeline Steps" in the SageMaker developer guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.aws.numerals import is_finite
from sagemaker_emulator.sagemaker.pipelines.language import members
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError

SERVICE_FAULT = "Step.SERVICE_FAULT"
THROTTLING = "Step.THROTTLING"
JOB_INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"
EXCEPTION_TYPES = (SERVICE_FAULT, THROTTLING, JOB_INTERNAL_ERROR, CAPACITY_ERROR, RESOURCE_LIMIT)
_LIMITS: dict[str, tuple[float, float]] = {
    "IntervalSeconds": (0, 43200),
    "BackoffRate": (1, 1000),
    "MaxAttempts": (1, 20),
    "ExpireAfterMin": (1, 14400),
}


@dataclass(frozen=True)
class RetryPolicy:
    """One policy; the nth retry waits `interval * backoff ** (n - 1)` seconds."""

    exceptions: tuple[str, ...]
    interval: float = 1.0
    backoff: float = 2.0
    max_attempts: int = 5
    expire_after: float | None = None

    @classmethod
    def parse(cls, entry: Mapping[str, Any], where: str) -> RetryPolicy:
        """Read one entry of a step's RetryPolicies; `where` names the step in messages.

        Raises:
            DefinitionError: for an unknown exception type or a number outside its limits.
        """
        requested = entry.get("ExceptionType") or []
        # A list from the SDK, one text by the published schema.
        exceptions = tuple(requested) if isinstance(requested, list) else (requested,)
        unknown = [name for name in exceptions if name not in EXCEPTION_TYPES]
        if unknown or not exceptions:
            raise DefinitionError(
                f"RetryPolicies.ExceptionType of {where} is {list(exceptions)}: "
                f"allowed are {', '.join(EXCEPTION_TYPES)}."
            )
        for key, (low, high) in _LIMITS.items():
            value = entry.get(key, low)
            if not is_finite(value):
                raise DefinitionError(f"RetryPolicies.{key} of {where} must be a number.")
            if not low <= value <= high:
                raise DefinitionError(
                    f"RetryPolicies.{key} of {where} is {value}: allowed are {low} to {high}."
                )
        minutes = entry.get("ExpireAfterMin")
        return cls(
            exceptions,
            float(entry.get("IntervalSeconds", 1)),
            float(entry.get("BackoffRate", 2.0)),
            int(entry.get("MaxAttempts", 5)),
            None if minutes is None else minutes * 60.0,
        )


def check(entry: Mapping[str, Any], where: str) -> None:
    """Check the form of one entry of a step's RetryPolicies, which `RetryPolicy.parse` reads.

    Raises:
        DefinitionError: for an unknown member, or a fraction where a count is needed.
    """
    members.check_members(entry, members.RETRY_POLICY, f"RetryPolicies of {where}")
    for key in ("IntervalSeconds", "MaxAttempts", "ExpireAfterMin"):
        value = entry.get(key, 1)
        if value != int(value):
            raise DefinitionError(f"RetryPolicies.{key} of {where} is {value}: use an integer.")


# SageMaker retries these two by itself; a step's own policy for them takes precedence.
DEFAULTS = (RetryPolicy((SERVICE_FAULT, THROTTLING)),)


def delay(
    policies: Iterable[RetryPolicy], exception: str | None, retries: int, elapsed: float
) -> float | None:
    """Return the seconds to wait before the next attempt, or None if the failure is final.

    Args:
        policies: the step's own policies.
        exception: the failure's exception type; None is never retried.
        retries: how often the step was already retried.
        elapsed: seconds since the step's first attempt began.
    """
    for policy in (*policies, *DEFAULTS):
        if exception not in policy.exceptions:
            continue
        wait = policy.interval * policy.backoff**retries
        expired = policy.expire_after is not None and elapsed + wait > policy.expire_after
        return None if retries >= policy.max_attempts or expired else wait
    return None


def classify_error(code: str, status: int) -> str | None:
    """Return the exception type of an API error that a step's call to a service raised."""
    if code in ("ThrottlingException", "Throttling", "TooManyRequestsException"):
        return THROTTLING
    if code == "ResourceLimitExceeded":
        return RESOURCE_LIMIT
    return SERVICE_FAULT if status >= 500 else None


def classify_failure(reason: str) -> str | None:
    """Return the exception type of a job that ended Failed, from its FailureReason."""
    if reason.startswith("InternalServerError"):
        return JOB_INTERNAL_ERROR
    if reason.startswith(("CapacityError", "InsufficientCapacityError")):
        return CAPACITY_ERROR
    return RESOURCE_LIMIT if reason.startswith("ResourceLimitExceeded") else None
