"""The events of a job's status: one for each, and of a training job one for each SecondaryStatus.

https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html; the
detail is the job's description. AWS may send more than one for a change.
"""

import logging

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.event_detail import detail_of
from sagemaker_emulator.sagemaker.jobs.kinds import JobKind
from sagemaker_emulator.storage.store import Document

_OWN = ("Request", "WarmPoolEnd")  # not SageMaker's members
_log = logging.getLogger("emulator.jobs")


def emit_status(context: Context, kind: JobKind, document: Document) -> None:
    """Report that a job's status is now the one in its document.

    Args:
        context: the server.
        kind: the job's kind.
        document: the job's.
    """
    arn = document[kind.arn_key]
    try:
        context.events.emit(kind.event, detail_of(context, document, _OWN, arn), [arn])
    except Exception:  # a rule's target, or a full disk, must not end a job
        _log.exception("the event of %s could not be sent", arn)
