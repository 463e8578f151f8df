"""What processing, training and transform jobs have in common: Describe, List, Stop and Delete."""

import time
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import MODIFIED, Stored, page
from sagemaker_emulator.errors import in_use, invalid
from sagemaker_emulator.sagemaker.defaults import JOBS, fill
from sagemaker_emulator.sagemaker.jobs import status_events, warm_pool
from sagemaker_emulator.sagemaker.jobs.documents import get
from sagemaker_emulator.sagemaker.jobs.kinds import (
    PROCESSING,
    RUNNING,
    TRAINING,
    TRANSFORM,
    JobKind,
)
from sagemaker_emulator.sagemaker.jobs.status import status_changes
from sagemaker_emulator.storage.store import Document

Request = Mapping[str, Any]
_MORE = {TRAINING: "WarmPoolStatusEquals TrainingPlanArnEquals"}


def _register(kind: JobKind) -> None:
    @operation(f"Describe{kind.title}Job", honours=(kind.name_key,))
    def describe(context: Context, request: Request) -> Response:
        """The job as it was created, and how far it is."""
        document = get(context, kind, request[kind.name_key])
        return fill(
            warm_pool.shown(document) if kind == TRAINING else document, JOBS[kind.resource]
        )

    @operation(f"List{kind.title}Jobs", honours=paths(MODIFIED + _MORE.get(kind, "")))
    def list_jobs(context: Context, request: Request) -> Response:
        """Jobs by part of the name, status and time.

        By its reference ListProcessingJobs is ascending, ListTransformJobs descending. That of
        ListTrainingJobs has both: its note on StatusEquals, which is followed here, describes a
        page "from the most current to the oldest", filtered only after it was taken.
        """
        plan = request.get("TrainingPlanArnEquals")

        def keep(document: Document) -> bool:
            if "WarmPoolStatusEquals" in request:
                pool = warm_pool.status_of(document, time.time())
                if pool is None or pool["Status"] != request["WarmPoolStatusEquals"]:
                    return False
            return plan is None or document["ResourceConfig"].get("TrainingPlanArn") == plan

        documents = Stored(
            context.store,
            kind.resource,
            keep=keep,
            show=warm_pool.shown if kind == TRAINING else lambda document: document,
            name_holds=request.get("NameContains", ""),
        )
        return page(
            f"List{kind.title}Jobs",
            request,
            documents,
            kind.summaries_key,
            f"{kind.title}Job",
            order="Ascending" if kind == PROCESSING else "Descending",
            filtered_after=("StatusEquals",) if kind == TRAINING else (),
        )

    @operation(f"Stop{kind.title}Job", honours=(kind.name_key,))
    def stop(context: Context, request: Request) -> Response:
        """SIGTERM to the container, SIGKILL 20 seconds later (120 on AWS)."""
        name = request[kind.name_key]
        with context.store.transaction():
            document = get(context, kind, name)
            status = document[kind.status_key]
            if status == "Stopping":
                return {}
            if status != "InProgress":
                raise invalid(
                    f"The request was rejected because the job {name} is in status {status}."
                )
            changes = status_changes(document, kind, "Stopping")
            document = context.store.update(kind.resource, name, **changes)
        status_events.emit_status(context, kind, document)
        context.jobs.stop_job(kind.resource, name)
        return {}

    if kind == TRANSFORM:
        return  # the API cannot delete one

    @operation(f"Delete{kind.title}Job", honours=(kind.name_key,))
    def delete(context: Context, request: Request) -> Response:
        """Forget a job that has ended."""
        name = request[kind.name_key]
        with context.store.transaction():
            document = get(context, kind, name)
            if document[kind.status_key] in RUNNING:
                raise in_use(f"The job {name} has not ended; stop it first.")
            context.store.delete(kind.resource, name)
            context.store.delete("tags", document[kind.arn_key])
        return {}


for _kind in (PROCESSING, TRAINING, TRANSFORM):
    _register(_kind)
