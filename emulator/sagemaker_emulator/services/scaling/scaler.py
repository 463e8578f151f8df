"""What looks at the invocations of scalable targets, and changes their instance counts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.scaling import records, tracking
from sagemaker_emulator.services.scaling.records import ACTIVITY, TARGET, Variant
from sagemaker_emulator.storage.store import Document

LOOK_SECONDS = 5.0

_log = logging.getLogger("emulator.scaling")


class Scaler:
    """Application Auto Scaling of one server.

    Args:
        context: the server.
        clock: returns seconds since the epoch.
    """

    def __init__(self, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._context = context
        self._clock = clock
        self._looking = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="scaling", daemon=True)

    def start(self) -> None:
        """Go on with the targets of the state."""
        self._thread.start()

    def stop(self) -> None:
        """End; no more is scaled."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def now(self) -> float:
        """The time by which it scales, in seconds since the epoch."""
        return self._clock()

    def registered(self, endpoint: str) -> set[str]:
        """The variants of an endpoint that are scalable targets."""
        return {
            Variant.of(target["ResourceId"]).name
            for target in self._context.store.list(TARGET, f"endpoint/{endpoint}/variant/")
        }

    def forget(self, endpoint: str) -> None:
        """Deregister the variants of an endpoint that is deleted."""
        targets = self._context.store.list(TARGET, f"endpoint/{endpoint}/variant/")
        records.forget(self._context.store, [target["ResourceId"] for target in targets])

    def look(self) -> None:
        """Look once at every target, and scale what its policies or bounds ask for."""
        with self._looking:
            for target in self._context.store.list(TARGET):
                try:
                    self._scale(target)
                except ApiError as problem:  # it is busy, or just being deleted
                    _log.info("%s is not scaled: %s", target["ResourceId"], problem)

    def _look_on(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:
                _log.exception("scaling goes on after this")

    def _scale(self, target: Document) -> None:
        resource = target["ResourceId"]
        variant = Variant.of(resource)
        try:
            status, described = variant.described(self._context)
        except ApiError:  # deleted while it was registered
            records.forget(self._context.store, [resource])
            return
        if status != "InService":
            return
        count = described["CurrentInstanceCount"]
        scaled = self._settle(resource, variant, count)
        wish = self._wish(target, variant, count, scaled)
        if wish is None:
            return
        now = self._clock()
        key = records.add_activity(self._context.store, resource, now, wish.count, wish.cause)
        try:
            self._context.call(
                "UpdateEndpointWeightsAndCapacities",
                EndpointName=variant.endpoint,
                DesiredWeightsAndCapacities=[
                    {"VariantName": variant.name, "DesiredInstanceCount": wish.count}
                ],
            )
        except ApiError as problem:
            self._end(key, "Failed", f"Failed to set desired instance count: {problem.message}")
            raise

    def _wish(
        self, target: Document, variant: Variant, count: int, scaled: float | None
    ) -> tracking.Change | None:
        """What is to change about a variant that has `count` instances."""
        least, most = target["MinCapacity"], target["MaxCapacity"]
        if count < least:
            return tracking.Change(least, f"minimum capacity was set to {least}")
        if count > most:
            return tracking.Change(most, f"maximum capacity was set to {most}")
        suspended = target["SuspendedState"]
        values = self._values(variant)
        for policy in records.policies_of(self._context.store, target["ResourceId"]):
            wish = tracking.change(policy, values, count, self._clock(), scaled)
            if wish is None:
                continue
            wanted = min(max(wish.count, least), most)
            way = "DynamicScalingOutSuspended" if wanted > count else "DynamicScalingInSuspended"
            if wanted != count and not suspended[way]:
                return tracking.Change(wanted, wish.cause)
        return None

    def _settle(self, resource: str, variant: Variant, count: int) -> float | None:
        """End the activity that is under way; when the last one ended, None where none did."""
        activities = records.activities_of(self._context.store, resource)
        if activities and activities[-1]["StatusCode"] == "InProgress":
            key = f"{resource}\n{activities[-1]['ActivityId']}"
            if (wanted := activities[-1]["Count"]) == count:
                text = f"Successfully set desired instance count to {count}. "
                text += "Change successfully fulfilled by sagemaker."
                activities[-1] = self._end(key, "Successful", text)
            else:
                endpoint = self._context.call("DescribeEndpoint", EndpointName=variant.endpoint)
                reason = endpoint.get("FailureReason", f"it has {count} instances, not {wanted}")
                activities[-1] = self._end(key, "Failed", f"Failed to fulfil the change: {reason}")
        return activities[-1]["EndTime"] if activities else None

    def _end(self, key: str, status: str, message: str) -> Document:
        return self._context.store.update(
            ACTIVITY, key, StatusCode=status, StatusMessage=message[:1023], EndTime=self._clock()
        )

    def _values(self, variant: Variant) -> dict[int, float]:
        """The invocations for each instance, by the minute since the epoch."""
        wanted = {"EndpointName": variant.endpoint, "VariantName": variant.name}
        return {
            each.start // 60: each.total
            for each in self._context.metrics.minutes()
            if each.name == "InvocationsPerInstance"
            and each.namespace == "AWS/SageMaker"
            and each.dimensions == wanted
        }
