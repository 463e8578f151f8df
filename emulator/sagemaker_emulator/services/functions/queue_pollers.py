"""Queues polled for functions: batches of messages, called with, and deleted where that went well.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html has what AWS does. One batch of a mapping
is under way at a time.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.ports import Outcome
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls
from sagemaker_emulator.services.functions.source_mappings import MAPPING, filters_of, matches
from sagemaker_emulator.services.queues import addresses
from sagemaker_emulator.storage.store import Document

# How soon an empty queue is looked at again for what time brings: a delay, a visibility timeout.
_LOOK_SECONDS = 1.0
_MOST_AT_ONCE = 10  # messages of a ReceiveMessage
_OK, _FAILED = "OK", "PROBLEM: Function call failed"
_log = logging.getLogger("emulator.lambda")


class QueuePollers:
    """The pollers of one server: a thread for each enabled mapping."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: set[str] = set()

    def start(self) -> None:
        """Poll for the mappings of the state."""
        for mapping in self._context.store.list(MAPPING):
            self.begin(mapping["UUID"])

    def stop(self) -> None:
        """Take no more messages; those of a batch under way come again after their timeout."""
        self._stopping.set()

    def begin(self, identity: str) -> None:
        """Poll the queue of a mapping, unless that is done already."""
        with self._lock:
            if identity in self._running:
                return
            self._running.add(identity)
        threading.Thread(target=self._poll, args=(identity,), daemon=True).start()

    def _poll(self, identity: str) -> None:
        moto = self._context.moto
        while True:
            with self._lock:  # `begin` comes before this look, or starts another thread after it
                mapping = self._context.store.get(MAPPING, identity)
                over = mapping is None or mapping["State"] != "Enabled"
                if over or self._stopping.is_set():
                    self._running.discard(identity)
                    return
            assert mapping is not None
            seen, moved = moto.changes, False
            try:
                moved = self._batch(mapping)
            except ApiError as problem:  # the queue is gone
                self._result(mapping, f"PROBLEM: {problem}")
            except Exception:
                _log.exception("the mapping %s", identity)
                self._result(mapping, "PROBLEM: internal error")
            if not moved:
                moto.wait_for_change(seen, _LOOK_SECONDS)

    def _batch(self, mapping: Document) -> bool:
        """Call the function with a batch, if there are messages; return whether there were."""
        url = addresses.url_of(self._context, mapping["EventSourceArn"])
        messages = self._receive(mapping, url)
        if not messages:
            return False
        filters = filters_of(mapping)
        records = [_record(self._context, mapping, each) for each in messages]
        asked = [each for each in records if matches(filters, each)]
        done = [each for each in records if each not in asked]  # what no filter matches is deleted
        if asked:
            outcome = self._invoke(mapping, asked)
            if outcome is None or (self._stopping.is_set() and outcome.failed):
                return False  # its messages come again after their visibility timeout
            failed = _failed(mapping, asked, outcome)
            self._result(mapping, _FAILED if outcome.failed else _OK)
            done += [each for each in asked if each["messageId"] not in failed]
        self._delete(url, done)
        return True

    def _invoke(self, mapping: Document, records: list[Document]) -> Outcome | None:
        """Call the function; None where it could not be called."""
        try:
            return self._context.functions.invoke(mapping["FunctionArn"], {"Records": records})
        except ApiError as problem:
            self._result(mapping, f"PROBLEM: {problem.message}")
            return None

    def _receive(self, mapping: Document, url: str) -> list[Document]:
        """A batch of messages: as many as there are, or come within the batching window."""
        messages: list[Document] = []
        end = 0.0
        while len(messages) < mapping["BatchSize"] and not self._stopping.is_set():
            seen = self._context.moto.changes
            found = aws_calls.call(
                self._context,
                "sqs",
                "ReceiveMessage",
                QueueUrl=url,
                MaxNumberOfMessages=min(_MOST_AT_ONCE, mapping["BatchSize"] - len(messages)),
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            ).get("Messages", [])
            messages += found
            if not messages:
                return []
            if found and not end:
                end = time.monotonic() + mapping["MaximumBatchingWindowInSeconds"]
            if not found:
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._context.moto.wait_for_change(seen, min(left, _LOOK_SECONDS))
        return messages

    def _delete(self, url: str, records: Sequence[Document]) -> None:
        for first in range(0, len(records), _MOST_AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": each["receiptHandle"]}
                for number, each in enumerate(records[first : first + _MOST_AT_ONCE])
            ]
            aws_calls.call(
                self._context, "sqs", "DeleteMessageBatch", QueueUrl=url, Entries=entries
            )

    def _result(self, mapping: Document, result: str) -> None:
        """Show how the last batch went; what is shown already is not written again."""
        store = self._context.store
        with store.transaction():
            kept = store.get(MAPPING, mapping["UUID"])
            if kept is not None and kept.get("LastProcessingResult") != result:
                store.update(MAPPING, mapping["UUID"], LastProcessingResult=result)


def _failed(mapping: Document, records: Sequence[Document], outcome: Outcome) -> set[str]:
    """The identifiers of the messages that stay in the queue."""
    everything = {str(each["messageId"]) for each in records}
    if outcome.failed:
        return everything
    if "ReportBatchItemFailures" not in mapping["FunctionResponseTypes"]:
        return set()
    try:
        failures = (outcome.payload or {}).get("batchItemFailures") or []
        failed = {each["itemIdentifier"] for each in failures}
    except (AttributeError, KeyError, TypeError):
        return everything
    # One that is none of the batch: Lambda takes the whole batch as failed.
    return failed if failed <= everything else everything


def _record(context: Context, mapping: Document, message: Document) -> dict[str, Any]:
    """A message as functions get it."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message.get("MD5OfBody")
        or hashlib.md5(message["Body"].encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping["EventSourceArn"],
        "awsRegion": context.region,
    }


def _attribute(value: Document) -> Document:
    shown: Document = {"stringListValues": [], "binaryListValues": []}
    if "BinaryValue" in value:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    else:
        shown["stringValue"] = value.get("StringValue", "")
    return shown | {"dataType": value["DataType"]}
