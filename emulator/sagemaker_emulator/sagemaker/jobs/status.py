"""How a job's document changes with its status, and a training job's with its SecondaryStatus."""

import time
from typing import Any

from sagemaker_emulator.sagemaker.jobs.kinds import JobKind
from sagemaker_emulator.storage.store import Document

_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Interrupted": "Training job's spot instances were interrupted",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
}
_ENDED = ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded")


def status_changes(document: Document, kind: JobKind, status: str, **changes: Any) -> Document:
    """What changes in a job's document with its status.

    Args:
        document: the document.
        kind: the job's kind.
        status: the new status.
        changes: what else changes; a SecondaryStatus only where it differs from the status.
    """
    changes = {kind.status_key: status, "LastModifiedTime": time.time(), **changes}
    if status in _ENDED:
        changes.setdefault(kind.end_key, time.time())
    if "SecondaryStatusTransitions" in document:
        secondary = changes.get("SecondaryStatus", status)
        changes |= secondary_changes(secondary, document["SecondaryStatusTransitions"])
    return changes


def secondary_changes(status: str, transitions: list[Document] | None = None) -> Document:
    """What changes in a training job's document with its SecondaryStatus.

    Args:
        status: the new SecondaryStatus.
        transitions: the SecondaryStatusTransitions so far.
    """
    now = time.time()
    earlier = transitions or []
    for transition in earlier[-1:]:
        transition.setdefault("EndTime", now)
    added = {"Status": status, "StartTime": now, "StatusMessage": _MESSAGES[status]}
    if status in _ENDED:
        added["EndTime"] = now
    return {"SecondaryStatus": status, "SecondaryStatusTransitions": [*earlier, added]}
