"""What rolls an update of an endpoint back: its alarms, and the time that it may take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import JobFailed, invalid
from sagemaker_emulator.sagemaker.endpoints.rollout import Rollout


class RolledBack(JobFailed):
    """An update is not to go on; the text says why."""


def require_alarms(context: Context, names: Iterable[str]) -> None:
    """Refuse alarms that do not exist.

    Raises:
        ApiError: it names them.
    """
    if missing := [name for name in names if context.alarms.state(name) is None]:
        raise invalid(
            f"DeploymentConfig.AutoRollbackConfiguration.Alarms: there is no CloudWatch alarm "
            f"named {', '.join(missing)}; create it with PutMetricAlarm first."
        )


def require_alike(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> None:
    """Refuse an update by steps between variants that SageMaker does not shift traffic between.

    Args:
        old: the production variants in service.
        new: those that are to be.

    Raises:
        ApiError: they have other names, or one is serverless.
    """
    if serverless := [each["VariantName"] for each in (*old, *new) if "ServerlessConfig" in each]:
        raise invalid(
            "DeploymentConfig: traffic is shifted in steps between real-time variants only, and "
            f"{serverless[0]} is serverless; use the Type ALL_AT_ONCE."
        )
    names = [sorted(variant["VariantName"] for variant in variants) for variants in (old, new)]
    if names[0] != names[1]:
        raise invalid(
            "DeploymentConfig: traffic is shifted between variants of the same names; the endpoint "
            f"has {', '.join(names[0])}, its new configuration {', '.join(names[1])}."
        )


def check(context: Context, rollout: Rollout, begin: float) -> None:
    """Whether an update may go on.

    Args:
        context: the server.
        rollout: what was asked for.
        begin: when the update began, in seconds since the epoch.

    Raises:
        RolledBack: it may not.
    """
    if in_alarm := [name for name in rollout.alarms if context.alarms.was_in_alarm(name, begin)]:
        raise RolledBack(
            f"The deployment was rolled back: CloudWatch alarm(s) in ALARM: {', '.join(in_alarm)}."
        )
    if gone := [name for name in rollout.alarms if context.alarms.state(name) is None]:
        raise RolledBack(
            f"The deployment was rolled back: CloudWatch alarm(s) deleted meanwhile: "
            f"{', '.join(gone)}."
        )
    if time.time() - begin > rollout.timeout:
        raise RolledBack(
            "The deployment was rolled back: it took longer than its "
            f"MaximumExecutionTimeoutInSeconds of {rollout.timeout}."
        )
