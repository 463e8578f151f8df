from __future__ import annotations

import pytest

from sagemaker_emulator.sagemaker.pipelines.language.retries import (
    RetryPolicy,
    classify_failure,
    delay,
)

THROTTLING, CAPACITY = "Step.THROTTLING", "SageMaker.CAPACITY_ERROR"


@pytest.fixture
def policy() -> RetryPolicy:
    return RetryPolicy.parse(
        {
            "ExceptionType": [CAPACITY, THROTTLING],
            "IntervalSeconds": 10,
            "BackoffRate": 2,
            "MaxAttempts": 3,
            "ExpireAfterMin": 1,
        },
        "step 'A'",
    )


def test_delay_grows_until_the_attempts_are_used(policy: RetryPolicy) -> None:
    assert [delay([policy], CAPACITY, retries, 0) for retries in range(4)] == [10, 20, 40, None]


def test_no_retry_begins_after_the_policy_expires(policy: RetryPolicy) -> None:
    assert delay([policy], CAPACITY, 1, 40) == 20
    assert delay([policy], CAPACITY, 1, 41) is None


def test_policy_of_the_step_takes_precedence_over_the_default(policy: RetryPolicy) -> None:
    assert delay([policy], THROTTLING, 0, 0) == 10
    assert delay([], THROTTLING, 0, 0) == 1


def test_failure_that_no_policy_names_is_final(policy: RetryPolicy) -> None:
    assert delay([policy], classify_failure("AlgorithmError: crash"), 0, 0) is None


def test_capacity_error_is_recognised_by_the_failure_reason() -> None:
    assert classify_failure("CapacityError: none left") == CAPACITY
