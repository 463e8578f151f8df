"""The log of a job of any kind, read from the server as any client reads it."""

import difflib
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_emulator.errors import EmulatorError
from sagemaker_emulator.sagemaker.jobs import kinds
from sagemaker_emulator.sagemaker.jobs.kinds import RUNNING, TUNING, JobKind

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_sagemaker import SageMakerClient

_KINDS = (kinds.PROCESSING, kinds.TRAINING, kinds.TRANSFORM, TUNING)
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class _Part:
    """A job with a log of its own: the job itself, or a training job of a tuning job."""

    kind: JobKind
    name: str
    status: str


def show(environment: Mapping[str, str], name: str, follow: bool) -> None:
    """Print a job's log; of a tuning job, the log of each of its training jobs.

    The lines of a tuning job begin with the training job's name, those of a job's second instance
    and further ones with its host's. With `follow`, how the job ended
    goes to standard error.

    Args:
        environment: The variables of the server's clients.
        name: The job's name, whatever its kind.
        follow: Print new lines until the job has ended.

    Raises:
        EmulatorError: There is no such job, or the server has stopped.
    """
    reader = _Reader(environment)
    try:
        if not (found := [kind for kind in _KINDS if reader.describe(kind, name)]):
            raise EmulatorError(reader.unknown(name))
        complete: set[_Part] = set()
        while True:
            # The status is read before the lines, so that the last line of a job is not missed.
            jobs = [(kind, reader.describe(kind, name)) for kind in found]
            for part in [part for kind, job in jobs for part in reader.parts(kind, job)]:
                if part not in complete:
                    reader.print_new(part, f"{part.name} | " if part.name != name else "")
                if part.status not in RUNNING:
                    complete.add(part)
            if not follow or all(job.get(kind.status_key) not in RUNNING for kind, job in jobs):
                break
            time.sleep(_POLL_SECONDS)
    except BotoCoreError as error:
        raise EmulatorError(f"the server does not respond any more: {error}") from None
    if follow:
        for kind, job in jobs:
            reason = f": {job['FailureReason']}" if job.get("FailureReason") else ""
            print(f"{name}: {job.get(kind.status_key, 'deleted')}{reason}", file=sys.stderr)


class _Reader:
    """The server's jobs and logs, and how far each log has been printed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        session = boto3.Session(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        url, direct = environment["AWS_ENDPOINT_URL"], Config(proxies={})
        self._sagemaker: SageMakerClient = session.client(
            "sagemaker", endpoint_url=url, config=direct
        )
        self._logs: CloudWatchLogsClient = session.client("logs", endpoint_url=url, config=direct)
        self._tokens: dict[str, str] = {}

    def describe(self, kind: JobKind, name: str) -> dict[str, Any]:
        """The job, or an empty dictionary if there is none."""
        try:
            operation = getattr(self._sagemaker, xform_name(f"Describe{kind.title}Job"))
            return dict(operation(**{kind.name_key: name}))
        except ClientError:
            return {}

    def unknown(self, name: str) -> str:
        """The message that there is no such job, with the names that are nearest to it."""
        names = [
            job[kind.name_key]
            for kind in _KINDS
            for page in self._pages(xform_name(f"List{kind.title}Jobs"))
            for job in page[kind.summaries_key]
        ]
        nearest = difflib.get_close_matches(name, names, n=5) or names[-5:]
        listed = f"similar names: {', '.join(nearest)}" if names else "there are no jobs yet"
        return f"there is no job {name!r}; {listed}"

    def _pages(self, operation: str, **request: Any) -> Iterator[dict[str, Any]]:
        client: Any = self._sagemaker
        yield from client.get_paginator(operation).paginate(**request)

    def parts(self, kind: JobKind, job: Mapping[str, Any]) -> list[_Part]:
        """The jobs whose logs make up the log of a job."""
        if not job:
            return []
        if kind != TUNING:
            return [_Part(kind, job[kind.name_key], job[kind.status_key])]
        pages = self._pages(
            "list_training_jobs_for_hyper_parameter_tuning_job",
            HyperParameterTuningJobName=job[kind.name_key],
            SortBy="CreationTime",
            SortOrder="Ascending",
        )
        return [
            _Part(kinds.TRAINING, trial["TrainingJobName"], trial["TrainingJobStatus"])
            for page in pages
            for trial in page["TrainingJobSummaries"]
        ]

    def print_new(self, part: _Part, prefix: str) -> None:
        """Print the lines of a job's streams that have not been printed yet."""
        group = part.kind.log_group
        try:
            pages = self._logs.get_paginator("describe_log_streams").paginate(
                logGroupName=group, logStreamNamePrefix=f"{part.name}/"
            )
            streams = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        except self._logs.exceptions.ResourceNotFoundException:
            return  # no job of this kind has printed anything
        for stream in streams:
            host = stream.removeprefix(f"{part.name}/").rpartition("-")[0]
            of = f"{host} | " if re.fullmatch(r"algo-\d+", host) and host != "algo-1" else ""
            request: dict[str, Any] = {"logGroupName": group, "logStreamName": stream}
            while True:
                if stream in self._tokens:
                    request["nextToken"] = self._tokens[stream]
                page = self._logs.get_log_events(startFromHead=True, **request)
                for event in page["events"]:
                    print(f"{prefix}{of}{event['message']}", flush=True)
                if page["nextForwardToken"] == self._tokens.get(stream):
                    break
                self._tokens[stream] = page["nextForwardToken"]
