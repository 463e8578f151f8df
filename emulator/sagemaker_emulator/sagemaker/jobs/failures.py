"""The FailureReason of what went wrong around a container."""

import contextlib
import logging

from sagemaker_emulator.containers.environment import EnvironmentFailed
from sagemaker_emulator.containers.image import ImageError
from sagemaker_emulator.containers.process import HostLost
from sagemaker_emulator.errors import ApiError, JobFailed
from sagemaker_emulator.sagemaker.jobs.instance import REASON_LENGTH
from sagemaker_emulator.sagemaker.jobs.job import Job

_log = logging.getLogger("emulator.jobs")


def log_failure(job: Job, error: Exception) -> str:
    """Add the FailureReason of a job to its log, where there is room for it, and return it."""
    reason = failure_reason(error, job.name)
    with contextlib.suppress(OSError):  # on a full disk the document's end matters more
        job.log([reason])
    return reason


def failure_reason(error: Exception, name: str) -> str:
    """The FailureReason for an error around a container; a fault of the emulator is logged."""
    if isinstance(error, JobFailed):
        reason = str(error)
    elif isinstance(error, ImageError | EnvironmentFailed):
        reason = f"ClientError: {error}"
    elif isinstance(error, ApiError) and error.status < 500:  # what it names was deleted since
        reason = f"ClientError: {error.message}"
    elif isinstance(error, HostLost):
        reason = f"InternalServerError: {error}"
    else:
        _log.error("job %s", name, exc_info=error)
        reason = f"InternalServerError: {type(error).__name__}: {error}"
    return reason if len(reason) <= REASON_LENGTH else reason[: REASON_LENGTH - 3] + "..."
