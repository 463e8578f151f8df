"""One update's traffic: given to the new fleet step by step, while its alarms are watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.endpoints import guard
from sagemaker_emulator.sagemaker.endpoints.progress import Stage
from sagemaker_emulator.sagemaker.endpoints.rollout import Rollout
from sagemaker_emulator.sagemaker.endpoints.traffic import Split

# How often the alarms are looked at.
_WATCH_SECONDS = 1.0


class Overtaken(Exception):
    """The endpoint was deleted, or the server ends: an update is to end as well."""


@dataclass(frozen=True)
class Shift:
    """The shift of traffic of one update.

    Attributes:
        context: the server.
        rollout: its steps and alarms.
        begin: when the update began, in seconds since the epoch, restarts included.
        changed: what is held while an endpoint's document changes, and notified then.
        is_over: whether the update is to end; `changed` is held.
        show: has DescribeEndpoint show a stage; `changed` is held.
    """

    context: Context
    rollout: Rollout
    begin: float
    changed: threading.Condition
    is_over: Callable[[], bool]
    show: Callable[[Stage], None]

    def run(self, split: Split) -> None:
        """Take every step and its bake.

        Raises:
            RolledBack: an alarm went off, or it takes too long.
            Overtaken: the endpoint was deleted, or the server ends.
        """
        self._bake(0.0)
        for step in self.rollout.steps:
            share = float(step.share)
            with self.changed:
                if self.is_over():
                    raise Overtaken
                activating = f"Activating traffic on {step.capacity}."
                self.show(Stage("ActivatingTraffic", activating, share))
                split.shift(step.share)
                self.show(Stage("Baking", step.message, share))
            self._bake(step.wait)

    def _bake(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            guard.check(self.context, self.rollout, self.begin)
            with self.changed:
                if self.is_over():
                    raise Overtaken
                left = end - time.monotonic()
                if left <= 0:
                    return
                self.changed.wait(min(left, _WATCH_SECONDS))
