"""CloudWatch's metrics of queues (`AWS/SQS`): how many messages they have, and for how long.

SQS measures each minute. Here it is every ten seconds, the shortest period of an alarm.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.services.queues.messages import KIND

NAMESPACE = "AWS/SQS"
_SECONDS = 10.0


class _Message(NamedTuple):
    """Since when a message is there, visible and not delayed: milliseconds since the epoch."""

    sent: float
    visible_at: float
    delayed_until: float


class QueueMetrics:
    """The measuring of one server's queues."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next = 0.0
        context.clock.sources.append(self.measure)

    def measure(self, now: float) -> float:
        """Measure all queues if it is time, and return when it is the next time."""
        if now >= self._next:
            self._next = now + _SECONDS
            for name, messages in self._queues().items():
                values = _values(messages, now * 1000)
                self._context.metrics.record(NAMESPACE, {"QueueName": name}, values)
        return self._next

    def _queues(self) -> dict[str, list[_Message]]:
        """The messages of each queue: moto's, or what is kept for it where nobody has asked yet."""
        context, found = self._context, dict[str, list[_Message]]()
        models = sys.modules.get("moto.sqs.models")
        if models is not None:
            backend = models.sqs_backends[context.account][context.region]
            for queue in tuple(backend.queues.values()):  # another request may add one meanwhile
                found[queue.name] = [
                    _Message(each.sent_timestamp or 0, each.visible_at, each.delayed_until)
                    for each in tuple(queue._messages)
                ]
        if not found:
            for document in context.store.list(KIND):
                fields = document["Fields"]
                message = _Message(
                    fields["sent_timestamp"] or 0, fields["visible_at"], fields["delayed_until"]
                )
                found.setdefault(document["Queue"], []).append(message)
        return found


def _values(messages: list[_Message], now: float) -> Iterator[Measurement]:
    """The measurements of a queue at a time in milliseconds since the epoch."""
    delayed = sum(each.delayed_until > now for each in messages)
    invisible = sum(each.visible_at >= now for each in messages)
    ready = sum(each.delayed_until <= now and each.visible_at < now for each in messages)
    yield Measurement("ApproximateNumberOfMessagesVisible", ready, "Count")
    yield Measurement("ApproximateNumberOfMessagesNotVisible", invisible, "Count")
    yield Measurement("ApproximateNumberOfMessagesDelayed", delayed, "Count")
    oldest = min((each.sent for each in messages), default=now)
    yield Measurement("ApproximateAgeOfOldestMessage", max(0.0, (now - oldest) / 1000), "Seconds")
