"""Read the answers of ended transform jobs, and the reason where an image has none."""

import json
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

from pipelines.executions import logs as log_reading
from pipelines.scoring.images import ImageSet
from pipelines.scoring.job import LOG_GROUP, ScoringError, TransformJob
from pipelines.scoring.scores import Answer, Scores
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_logs import CloudWatchLogsClient

THREADS = 32
# `2026-11-22T19:00:00.000:[sagemaker logs]: bucket/key: message`
DATA_LOG = re.compile(r"\[sagemaker logs\]: (?P<entry>.*)")


def collect(
    session: "boto3.Session",
    settings: Settings,
    version: int,
    images: ImageSet,
    jobs: Mapping[TransformJob, str],
) -> Scores:
    """Download the answers of ended jobs, and the reasons for those that are missing.

    `jobs` gives the reason why each job failed, or "".

    Raises:
        ScoringError: A job failed without an answer or a reason for any image, or its output holds
            no answers of this project's model.
    """
    answers: dict[str, Answer] = {}
    failures = dict(images.refused)
    for job, failure in jobs.items():
        downloaded = _download(session, settings, job)
        answers |= downloaded
        missing = [name for name in job.images if name not in downloaded]
        if not missing:
            continue
        reasons = _reasons(session.client("logs"), job)
        if not downloaded and not reasons:
            reason = failure or "it gave no answer and no reason"
            raise ScoringError(f"Transform job {job.name} failed: {reason}\nIts log: {job.log}")
        for name in missing:
            failures[name] = reasons.get(name) or f"no answer; the job's log may say why: {job.log}"
    names = tuple(job.name for job in jobs)
    return Scores(version, names, dict(sorted(answers.items())), dict(sorted(failures.items())))


def _download(session: "boto3.Session", settings: Settings, job: TransformJob) -> dict[str, Answer]:
    import obstore

    from pipelines.upload.objects import open_bucket

    store = open_bucket(session, settings)
    prefix = job.output.split("/", 3)[3]
    images = {job.key(name): name for name in job.images}
    keys = [
        entry["path"]
        for page in obstore.list(store, prefix=prefix)
        for entry in page
        if entry["path"].removeprefix(prefix).removesuffix(".out") in images
    ]

    def read(key: str) -> tuple[str, Answer]:
        name = images[key.removeprefix(prefix).removesuffix(".out")]
        body = bytes(obstore.get(store, key).bytes())
        try:
            answer = json.loads(body)
            return name, cast(Answer, {"count": answer["count"], **answer})
        except (ValueError, KeyError, TypeError):
            raise ScoringError(
                f"{job.output}{job.key(name)}.out holds no count but {body[:60]!r}: not an answer "
                "of Tally's model."
            ) from None

    with ThreadPoolExecutor(THREADS) as pool:
        answers = dict(pool.map(read, keys))
    return {name: answers[name] for name in job.images if name in answers}


def _reasons(logs: "CloudWatchLogsClient", job: TransformJob) -> dict[str, str]:
    """The reason for each failed image, from SageMaker's data log."""
    messages: dict[str, list[str]] = {}
    prefix = job.source.removeprefix("s3://")
    names = {job.key(name): name for name in job.images}
    for line in log_reading.read(logs, LOG_GROUP, job.name):
        entry = DATA_LOG.search(line.text)
        if entry and entry["entry"].startswith(prefix):
            name, message = _split(entry["entry"].removeprefix(prefix), names)
            if name and message not in ("", "Message:"):
                messages.setdefault(names[name], []).append(message)
    return {name: _server_message(texts) for name, texts in messages.items()}


def _split(entry: str, names: Collection[str]) -> tuple[str, str]:
    """The name and message of `name: message`, or two ""; a name may hold a colon itself."""
    for colon in re.finditer(": ", f"{entry.rstrip(': ')}: "):
        if entry[: colon.start()] in names:
            return entry[: colon.start()], entry[colon.end() :].strip()
    return "", ""


def _server_message(messages: list[str]) -> str:
    """The `error` that the model's server sent, which is logged last; else all messages."""
    try:
        return str(json.loads(messages[-1])["error"])
    except (ValueError, KeyError, TypeError):
        return " ".join(messages)
