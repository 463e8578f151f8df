"""Managed warm pools of training jobs, as they are recorded: nothing here is faster for one.

Contract: SageMaker developer guide, "SageMaker AI Managed Warm Pools": a pool is kept when a job
ends, but not where the service itself was at fault, and moves to the next job that matches it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.jobs.kinds import RUNNING, TRAINING
from sagemaker_emulator.storage.store import Document

POOL = "warm-pool"  # the store's kind of those that a job may still take
_OWN_FAULT = "InternalServerError"


def status_of(document: Mapping[str, Any], now: float) -> Document | None:
    """The WarmPoolStatus of a training job; None where it has no pool.

    Args:
        document: the job's.
        now: seconds since 1970.
    """
    seconds = document.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds", 0)
    end = document.get(TRAINING.end_key)
    if not seconds:
        return None
    if document[TRAINING.status_key] in RUNNING or end is None:
        return {"Status": "InUse"}
    if str(document.get("FailureReason", "")).startswith(_OWN_FAULT):
        return {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}
    taken: Mapping[str, Any] = document.get("WarmPoolEnd", {})
    last = min(taken.get("At", now), end + seconds)
    status: Document = {"ResourceRetainedBillableTimeInSeconds": max(0, round(last - end))}
    if "ReusedByJob" in taken:
        return {"Status": "Reused", "ReusedByJob": taken["ReusedByJob"], **status}
    return {"Status": "Terminated" if taken or now >= end + seconds else "Available", **status}


def shown(document: Document) -> Document:
    """A training job's document with its WarmPoolStatus, if it has one."""
    status = status_of(document, time.time())
    return document if status is None else {**document, "WarmPoolStatus": status}


def reuse(context: Context, name: str, document: Mapping[str, Any]) -> None:
    """Move the pool of an ended job that matches to a job being created, and note the job's own.

    Args:
        context: the server.
        name: the new job's.
        document: its Create request, or more.
    """
    now, store = time.time(), context.store
    with store.transaction():
        for pool in store.list(POOL):
            job = store.get(TRAINING.resource, pool["TrainingJobName"])
            status = status_of(job, now) if job else None
            if job is None or status is None or status["Status"] not in ("InUse", "Available"):
                store.delete(POOL, pool["TrainingJobName"])
            elif status["Status"] == "Available" and _traits(job) == _traits(document):
                end(context, pool["TrainingJobName"], ReusedByJob=name)
                break
        if document.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"):
            store.put(POOL, name, {"TrainingJobName": name})


def end(context: Context, name: str, **members: str) -> None:
    """Note that a job's pool has ended now.

    Args:
        context: the server.
        name: the job's.
        members: the ReusedByJob, where a job took it.
    """
    taken = {"At": time.time(), **members}
    context.store.update(TRAINING.resource, name, WarmPoolEnd=taken)
    context.store.delete(POOL, name)


def _traits(document: Mapping[str, Any]) -> Document:
    """What two jobs must have in common for one to take the other's pool."""
    resources = document.get("ResourceConfig", {})
    keys = ("InstanceCount", "InstanceType", "InstanceGroups", "VolumeSizeInGB", "VolumeKmsKeyId")
    return {
        "RoleArn": document["RoleArn"],
        "VpcConfig": document.get("VpcConfig"),
        **{key: resources.get(key) for key in keys},
        **{
            key: bool(document.get(key))
            for key in ("EnableInterContainerTrafficEncryption", "EnableNetworkIsolation")
        },
    }
