"""The metrics of a run: to CloudWatch, and as lines of the log in its embedded metric format.

PutMetricData sends what alarms are for, the numbers of the run as a whole. The PSI of each measure
goes to the log alone ("Embedded metric format", CloudWatch's user guide), from which CloudWatch
makes metrics: so no metric is counted twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from watching.checks import ACCURACY, Check
from watching.measures import AGREEMENT

NAMESPACE = "Tally"
DIMENSION = "EndpointName"
CHANGES, ANSWERS = "Changes", "WatchedAnswers"


class PublishError(Exception):
    """CloudWatch did not take the metrics."""


def metrics(found: Sequence[Check], answers: int) -> dict[str, float]:
    """The numbers of a run by the metric's name.

    Args:
        found: the checks.
        answers: how many answers of the serving model the window has.
    """
    values = {CHANGES: float(sum(c.raised for c in found)), ANSWERS: float(answers)}
    shares = {AGREEMENT: "Disagreement", ACCURACY: "AuditedAccuracy"}
    return values | {shares[c.name]: c.value for c in found if c.name in shares}


def put(endpoint: str, values: Mapping[str, float], when: datetime) -> None:
    """Send metrics to CloudWatch.

    Raises:
        PublishError: they were not taken.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    data: list[Any] = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": DIMENSION, "Value": endpoint}],
            "Timestamp": when,
            "Value": value,
            "Unit": "Count" if name in (CHANGES, ANSWERS) else "None",
        }
        for name, value in values.items()
    ]
    try:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        client = boto3.client("cloudwatch", region_name=region)
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        raise PublishError(
            f"the metrics cannot be sent to CloudWatch, so no alarm would notice a change: {error}"
            ". The job's role needs cloudwatch:PutMetricData, and its network a way to CloudWatch"
        ) from error


def log_line(endpoint: str, check: Check, when: datetime) -> str:
    """A line of the log from which CloudWatch makes the metric Psi of one measure."""
    return json.dumps(
        {
            "_aws": {
                "Timestamp": round(when.timestamp() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [[DIMENSION, "Measure"]],
                        "Metrics": [{"Name": "Psi", "Unit": "None"}],
                    }
                ],
            },
            DIMENSION: endpoint,
            "Measure": check.name,
            "Psi": round(check.value, 6),
            "Chance": round(check.chance, 6),
            "Raised": check.raised,
        }
    )
