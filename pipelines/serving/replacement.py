"""What changes when a version replaces the one that serves, and what speaks against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry.endpoint import Endpoint
from model_registry.versions import ModelVersion, describe
from pipelines.serving.comparison import Compared, read
from pipelines.serving.package_group import version_number
from pipelines.side_by_side import SideBySide, beside

if TYPE_CHECKING:
    import boto3

ACCURACY = "accuracy"


@dataclass(frozen=True)
class Replacement:
    """A version in the place of another.

    Attributes:
        endpoint: The endpoint's name.
        old: The version that serves.
        new: The version that is to serve.
    """

    endpoint: str
    old: Compared
    new: Compared

    def side_by_side(self) -> SideBySide:
        """The facts of both versions."""
        headings = (f"serves: version {self._old}", f"version {self._new}")
        facts = [self.old.facts(), self.new.facts()]
        for one in facts:
            del one["approval"]
        return beside(headings, facts)

    def objections(self) -> list[str]:
        """Why a person should think twice; a sentence each."""
        if self.old.classes and self.new.classes and self.old.classes != self.new.classes:
            # Accuracies over other counts say nothing about each other.
            return [
                f"Version {self._new} answers the counts {self.new.classes}; version {self._old}, "
                f"which serves, answers {self.old.classes}."
            ]
        worse = self._worse_in_pairs()
        if worse is None:
            worse = self._worse_by_intervals()
        return [worse] if worse else []

    @property
    def _old(self) -> int:
        return self.old.version.version

    @property
    def _new(self) -> int:
        return self.new.version.version

    def _worse_in_pairs(self) -> str | None:
        """By the comparison on the same images in either one's evaluation; None without one."""
        for candidate, approved, sign in ((self.new, self.old, 1), (self.old, self.new, -1)):
            report, model = candidate.report, approved.version.data_url
            compared = report.comparison if report and model == candidate.compared_model else {}
            if not compared:
                continue
            ends = sorted(100 * sign * compared["difference"][end] for end in ("low", "high"))
            if ends[1] >= 0:
                return ""
            value = 100 * sign * compared["difference"]["value"]
            return (
                f"Version {self._new} is worse than version {self._old}, which serves: on the same "
                f"{compared['images']} test images its accuracy differs by {value:+.1f} points "
                f"(95 % interval {ends[0]:+.1f} to {ends[1]:+.1f})."
            )
        return None

    def _worse_by_intervals(self) -> str:
        old, new = (
            next((one for one in compared.metrics if one.name == ACCURACY), None)
            for compared in (self.old, self.new)
        )
        if not old or not new or old.low is None or new.high is None or new.high >= old.low:
            return ""
        return (
            f"Version {self._new} is worse than version {self._old}, which serves: its accuracy is "
            f"{new.with_interval}, that of version {self._old} {old.with_interval}, each on its "
            "own test images (95 % intervals)."
        )


def of(
    session: boto3.Session, version: ModelVersion, current: Endpoint | None
) -> Replacement | None:
    """What a version replaces on an endpoint.

    Args:
        session: The target's session.
        version: The version that is to serve.
        current: The endpoint as it is before; None where there is none.

    Returns:
        None where nothing of this pipeline serves there, or this version does already.
    """
    client, s3 = session.client("sagemaker"), session.client("s3")
    package = current.next_model.package if current else ""
    if not current or not version_number(package) or package == version.arn:
        return None
    try:
        served = describe(client, package)
    except ClientError as error:
        if endpoints.is_missing(error):
            return None  # deleted: it serves on, but nothing is known of it
        raise
    if current.next_model.created < served.created:
        return None  # another package of the same name, in a group that was made anew
    return Replacement(
        current.name, read(client, s3, served, True), read(client, s3, version, False)
    )
