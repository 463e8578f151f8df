"""The FailureReason of what went wrong around a container."""

import contextlib
import logging

from emulator.jobs.job import REASON_LENGTH, Job
from emulator.jobs.objects import JobFailed
from emulator.runtime.environment import EnvironmentFailed
from emulator.runtime.image import ImageError
from emulator.runtime.process import HostLost

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
