"""The messages of moto's queues, kept in the store as they are after each request.

A request for messages cannot be replayed after a restart: which messages it meets depends on the
time. So each message is a document, in the order in which its queue has it.
"""

import base64
import json
import sys
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.measurements import Measurement
from sagemaker_emulator.storage.store import Document

KIND = "queue-message"
# The attributes of moto's Message that are kept, but for its body and identifier.
_FIELDS = (
    *("message_attributes", "receipt_handle", "_old_receipt_handles", "sent_timestamp"),
    *("approximate_first_receive_timestamp", "approximate_receive_count", "deduplication_id"),
    *("group_id", "sequence_number", "visible_at", "delayed_until", "system_attributes"),
)
_BYTES = "base64 of bytes"


class QueueMessages:
    """The messages of one server's queues. The caller holds the lock of moto."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # What is in the store: the changing parts of each message by its document's name.
        self._kept: dict[str, tuple[Any, ...]] = {}

    def keep(self) -> bool:
        """Write what has changed since the last call, in one step; return whether it has."""
        if "moto.sqs.models" not in sys.modules:
            return False
        found: dict[str, tuple[Any, ...]] = {}
        changed: list[tuple[str, Document]] = []
        for queue in self._queues().values():
            for message in queue._messages:
                name = f"{queue.name}/{message.id}"
                found[name] = (
                    message.approximate_receive_count,
                    message.visible_at,
                    message.receipt_handle,
                    message.delayed_until,
                )
                if self._kept.get(name) != found[name]:
                    fields = {key: getattr(message, key) for key in _FIELDS}
                    about = {"Queue": queue.name, "Id": message.id, "Body": message.body}
                    text = json.dumps({**about, "Fields": fields}, default=_encoded)
                    changed.append((name, json.loads(text)))
        gone = self._kept.keys() - found.keys()
        self._count(found, gone)
        if changed or gone:
            with self._context.store.transaction():
                for name, document in changed:
                    self._context.store.put(KIND, name, document)
                for name in gone:
                    self._context.store.delete(KIND, name)
        self._kept = found
        return bool(changed or gone)

    def _count(self, found: dict[str, tuple[Any, ...]], gone: set[str]) -> None:
        """Count what was sent, received and deleted, for CloudWatch; not what was moved."""
        ids = {name.partition("/")[2] for name in found}
        counts: dict[tuple[str, str], int] = {}

        def add(name: str, metric: str, number: int = 1) -> None:
            where = name.partition("/")[0], metric
            counts[where] = counts.get(where, 0) + number

        for name, (received, *_) in found.items():
            before = self._kept.get(name)
            if before is None and not received:
                add(name, "NumberOfMessagesSent")
            elif before and received > before[0]:
                add(name, "NumberOfMessagesReceived", received - before[0])
        for name in gone:
            if name.partition("/")[2] not in ids:
                add(name, "NumberOfMessagesDeleted")
        for (queue, metric), number in counts.items():
            values = [Measurement(metric, number, "Count")]
            self._context.metrics.record("AWS/SQS", {"QueueName": queue}, values)

    def restore(self) -> None:
        """Put the kept messages into the queues of a moto that has none of them."""
        kept = self._context.store.items(KIND)
        if not kept:
            return
        from moto.sqs.models import Message

        queues = self._queues()
        for name, document in kept:
            self._kept[name] = ()  # so that `keep` deletes those of a queue that is gone
            queue = queues.get(document["Queue"])
            if queue is None:
                continue
            message = Message(document["Id"], document["Body"])
            for key, value in document["Fields"].items():
                setattr(message, key, _decoded(value))
            queue._messages.append(message)
            if message.approximate_receive_count and not message.visible:
                queue.pending_messages.add(message)

    def _queues(self) -> dict[str, Any]:
        from moto.sqs.models import sqs_backends

        context = self._context
        return sqs_backends[context.account][context.region].queues


def _encoded(value: object) -> object:
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode()}
    raise TypeError(f"a message of moto's has a {type(value).__name__}")


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {_BYTES}:
            return base64.b64decode(value[_BYTES])
        return {key: _decoded(each) for key, each in value.items()}
    return value
