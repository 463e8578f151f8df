"""The FailureReason of what went wrong around a container."""

import contextlib
import logging

from sagemaker_emulator.containers.environment import EnvironmentFailed
from sagemaker_emulator.containers.image import ImageError
from sagemaker_emulator.containers.process import HostLost
from sagemaker_emulator.sagemaker.jobs.job import REASON_LENGTH, Job
from sagemaker_emulator.storage.s3_files import JobFailed

_log = logging.getLogger("emulator.jobs")


def failure(job: Job, error: Exception) -> str:
    """The FailureReason of a job, which its log gets too where there is room for it."""
    reason = reason_of(error, job.name)
    with contextlib.suppress(OSError):  # on a full disk the document's end matters more
        job.log([reason])
    return reason


def reason_of(error: Exception, name: str) -> str:
    """The FailureReason for what went wrong around a container."""
    if isinstance(error, JobFailed):
        said = str(error)
    elif isinstance(error, ImageError | EnvironmentFailed):
        said = f"ClientError: {error}"
    elif isinstance(error, HostLost):
        said = f"InternalServerError: {error}"
    else:
        _log.error("job %s", name, exc_info=error)
        said = f"InternalServerError: {type(error).__name__}: {error}"
    return said if len(said) <= REASON_LENGTH else said[: REASON_LENGTH - 3] + "..."
