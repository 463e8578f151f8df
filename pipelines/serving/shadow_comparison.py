"""A shadow variant beside the production variant: requests, errors, times, and the same counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from model_registry import endpoint as endpoints
from model_registry.shadow import Shadow
from pipelines.serving import captured, endpoint_status
from pipelines.serving import shadow as shadows
from pipelines.serving.package_group import version_number
from pipelines.side_by_side import SideBySide, beside
from pipelines.steps import audited_shares

if TYPE_CHECKING:
    import boto3
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_cloudwatch.type_defs import DatapointTypeDef

NAMESPACE = "AWS/SageMaker"
MOST_ANSWERS = 10_000  # of the shadow that are read, the newest
MOST_POINTS = 1440  # of one answer of CloudWatch
# CloudWatch keeps minutes for 15 days, 5 minutes for 63, hours for 15 months.
PERIODS = (60, 300, 3600, 86_400)
MICROSECONDS = 1e6
# Errors by SageMaker's metric, as they are called here. A model error is a request that the model
# did not answer with 2xx, in time.
ERRORS = {
    "4xx": "Invocation4XXErrors",
    "5xx": "Invocation5XXErrors",
    "model errors": "InvocationModelErrors",
}


@dataclass(frozen=True)
class Measured:
    """What CloudWatch measured of one variant.

    Attributes:
        requests: How many it got.
        errors: How many it answered with which error; the names are those of `ERRORS`.
        mean_seconds: That its model took to answer; None without requests.
        longest_seconds: The same of the slowest answer.
    """

    requests: int
    errors: Mapping[str, int]
    mean_seconds: float | None
    longest_seconds: float | None

    def facts(self) -> dict[str, str]:
        """As text, by what it is called."""
        return {
            "requests": str(self.requests),
            **{name: self._with_share(number) for name, number in self.errors.items()},
            "mean time of the model": _milliseconds(self.mean_seconds),
            "longest time of the model": _milliseconds(self.longest_seconds),
        }

    def _with_share(self, number: int) -> str:
        share = f" ({100 * number / self.requests:.1f} %)" if number and self.requests else ""
        return f"{number}{share}"


@dataclass(frozen=True)
class Agreement:
    """The counts of both variants for the same requests.

    Attributes:
        requests: How many both answered, as far as answers are captured.
        same: For how many both counted the same.
        different: Each pair of counts that differ, as `production, shadow`, and how often it came.
    """

    requests: int
    same: int
    different: Mapping[tuple[int, int], int]

    @property
    def sentence(self) -> str:
        """For a person."""
        share = audited_shares.wilson(self.same, self.requests)
        if share is None:
            return (
                "No request was found that both answered. Answers reach S3 within minutes, and a "
                "pair is known by the InferenceId that `predict` and the desk send."
            )
        return (
            f"Of {self.requests} requests that both answered, {self.same} got the same count: "
            f"{100 * share.value:.1f} % (95 % interval {100 * share.low:.1f} to "
            f"{100 * share.high:.1f})."
        )

    @property
    def differences(self) -> str:
        """The commonest pairs of different counts, in words; "" for none."""
        often = sorted(self.different.items(), key=lambda one: (-one[1], one[0]))[:5]
        return ", ".join(f"{old} → {new} ({times})" for (old, new), times in often)


@dataclass(frozen=True)
class ShadowComparison:
    """Both variants since the shadow began.

    Attributes:
        endpoint: The endpoint's name.
        version: The version that serves; None for a model of another kind.
        shadow: The shadow variant.
        production: What was measured of the production variant.
        copied: What was measured of the shadow variant.
        agreement: Of the counts; None where the endpoint keeps no answers.
        captured_percent: The share of the answers that it keeps.
    """

    endpoint: str
    version: int | None
    shadow: Shadow
    production: Measured
    copied: Measured
    agreement: Agreement | None
    captured_percent: int

    def side_by_side(self) -> SideBySide:
        """What was measured of both."""
        headings = (f"serves: version {self.version or 'unknown'}", f"shadow: {self.shadow.named}")
        return beside(headings, (self.production.facts(), self.copied.facts()))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        agreement = self.agreement
        return {
            "endpoint": self.endpoint,
            "version": self.version,
            "shadow": asdict(self.shadow) | {"version": version_number(self.shadow.package)},
            "production": asdict(self.production),
            "copied": asdict(self.copied),
            "captured_percent": self.captured_percent,
            "agreement": agreement
            and {
                "requests": agreement.requests,
                "same": agreement.same,
                "different": [
                    {"production": old, "shadow": new, "requests": times}
                    for (old, new), times in sorted(agreement.different.items())
                ],
            },
        }


def compare(session: boto3.Session, name: str, until: datetime | None = None) -> ShadowComparison:
    """Compare an endpoint's shadow with what serves, since the shadow began.

    Args:
        session: The target's session.
        name: The endpoint's name.
        until: The end of the time; by default now.

    Raises:
        RegistryError: There is no endpoint, or it has no shadow.
    """
    client, until = session.client("sagemaker"), until or datetime.now(UTC)
    current = endpoint_status.require(client, name)
    running = shadows.require(client, current)
    settings = endpoints.read_settings(client, current.config)
    production = settings["ProductionVariants"][0]["VariantName"]
    capture = settings.get("DataCaptureConfig") or {}
    metrics = session.client("cloudwatch")
    kept = capture.get("EnableCapture", True) and capture.get("InitialSamplingPercentage", 0)
    return ShadowComparison(
        name,
        version_number(current.model.package),
        running,
        _measure(metrics, name, production, running.since, until),
        _measure(metrics, name, running.variant, running.since, until),
        _agree(
            session,
            f"{capture['DestinationS3Uri'].rstrip('/')}/{name}",
            (production, running.variant),
            running.since,
            until,
        )
        if kept
        else None,
        kept or 0,
    )


def period_of(span: timedelta) -> int:
    """The seconds of a period of which CloudWatch keeps, and answers, all those of a time."""
    longest = PERIODS[-1]
    # Two more than fit: the first begins before the time, and the last ends after it.
    return next((one for one in PERIODS if span.total_seconds() / one <= MOST_POINTS - 2), longest)


def _measure(
    client: CloudWatchClient, endpoint: str, variant: str, since: datetime, until: datetime
) -> Measured:
    period = period_of(until - since)

    def points(metric: str) -> list[DatapointTypeDef]:
        return client.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=[
                {"Name": "EndpointName", "Value": endpoint},
                {"Name": "VariantName", "Value": variant},
            ],
            # Whole periods, as a measurement has the time at which its period begins.
            StartTime=datetime.fromtimestamp(since.timestamp() // period * period, UTC),
            EndTime=until + timedelta(seconds=period),
            Period=period,
            Statistics=["Sum", "SampleCount", "Maximum"],
        )["Datapoints"]

    def total(metric: str) -> int:
        return round(sum(point["Sum"] for point in points(metric)))

    times = points("ModelLatency")
    answers = sum(point["SampleCount"] for point in times)
    return Measured(
        total("Invocations"),
        {name: total(metric) for name, metric in ERRORS.items()},
        sum(point["Sum"] for point in times) / answers / MICROSECONDS if answers else None,
        max(point["Maximum"] for point in times) / MICROSECONDS if answers else None,
    )


def _agree(
    session: boto3.Session,
    address: str,
    variants: tuple[str, str],
    since: datetime,
    until: datetime,
) -> Agreement:
    """Pair the newest answers of both variants by their requests."""
    s3 = session.client("s3")
    production: dict[str, int] = {}
    copied: dict[str, int] = {}
    hours = (captured.counts(s3, f"{address}/{one}", since, until) for one in variants)
    for old, new in zip(*hours, strict=True):
        production |= old
        copied |= new
        if len(copied) >= MOST_ANSWERS:
            break
    pairs = [(production[one], copied[one]) for one in copied if one in production]
    different = Counter((old, new) for old, new in pairs if old != new)
    return Agreement(len(pairs), len(pairs) - sum(different.values()), different)


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.0f} ms"
