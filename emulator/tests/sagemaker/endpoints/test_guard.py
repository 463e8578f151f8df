"""What ends an update early."""

import time
from pathlib import Path

import pytest
from local_context import local_context

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.endpoints.guard import RolledBack, check, require_alike
from sagemaker_emulator.sagemaker.endpoints.rollout import Rollout

WATCHED = Rollout(timeout=600, alarms=("errors",))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A server with the alarm `errors`."""
    made = local_context(tmp_path / "state")
    dispatch.call(
        made,
        "cloudwatch",
        "PutMetricAlarm",
        {
            "AlarmName": "errors",
            "Namespace": "Mine",
            "MetricName": "Errors",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
        },
    )
    return made


def set_state(context: Context, state: str) -> None:
    context.alarms.change("errors", state, "a test", None)


def test_update_goes_on_while_no_alarm_is_in_alarm(context: Context) -> None:
    check(context, WATCHED, time.time())
    set_state(context, "OK")
    check(context, WATCHED, time.time())


def test_alarm_in_alarm_is_named(context: Context) -> None:
    set_state(context, "ALARM")
    with pytest.raises(RolledBack, match="in ALARM: errors"):
        check(context, WATCHED, time.time())


def test_alarm_in_alarm_between_two_looks_counts(context: Context) -> None:
    begin = time.time()
    set_state(context, "ALARM")
    set_state(context, "OK")
    with pytest.raises(RolledBack, match="errors"):
        check(context, WATCHED, begin)
    check(context, WATCHED, time.time() + 1)  # but not for a later update


def test_alarm_that_is_deleted_cannot_guard(context: Context) -> None:
    dispatch.call(context, "cloudwatch", "DeleteAlarms", {"AlarmNames": ["errors"]})
    with pytest.raises(RolledBack, match="deleted meanwhile: errors"):
        check(context, WATCHED, time.time())


def test_update_may_take_its_time_and_no_longer(context: Context) -> None:
    check(context, WATCHED, time.time() - 590)
    with pytest.raises(RolledBack, match="MaximumExecutionTimeoutInSeconds of 600"):
        check(context, WATCHED, time.time() - 601)


def test_serverless_variants_are_not_shifted_in_steps() -> None:
    variants = [{"VariantName": "v", "ServerlessConfig": {"MemorySizeInMB": 1024}}]
    with pytest.raises(ApiError, match="v is serverless; use the Type ALL_AT_ONCE"):
        require_alike(variants, variants)
