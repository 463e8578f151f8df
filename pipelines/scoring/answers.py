"""What the jobs answered for each image, and why some have no answer."""

import json
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.executions import logs as log_reading
from pipelines.scoring.images import Found
from pipelines.scoring.job import LOG_GROUP, ScoringError, TransformJob
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

Answer = dict[str, Any]
THREADS = 32
UNSURE = 0.5  # a confidence below it: some other count is likelier in all than the answer
DIGITS = 6  # of a probability, as in the endpoint's answers
# `2026-11-22T19:00:00.000:[sagemaker logs]: bucket/key: what is said of it`
DATA_LOG = re.compile(r"\[sagemaker logs\]: (?P<said>.*)")


@dataclass(frozen=True)
class Scores:
    """The answers for a folder of images.

    Attributes:
        version: The model version that counted.
        jobs: The transform jobs' names.
        answers: What the endpoint would have answered, by the image's name.
        failures: Why an image has no answer, by its name.
    """

    version: int
    jobs: tuple[str, ...]
    answers: dict[str, Answer]
    failures: dict[str, str]

    @property
    def counts(self) -> dict[int, int]:
        """How many images show so many items."""
        found = [int(answer["count"]) for answer in self.answers.values()]
        return {count: found.count(count) for count in sorted(set(found))}

    @property
    def unsure(self) -> int:
        """How many answers are more probably wrong than right, by the model's own probabilities."""
        return sum(answer["confidence"] < UNSURE for answer in self.answers.values())

    def sentence(self, file: Path) -> str:
        """What came out, in two lines."""
        counted, images = len(self.answers), len(self.answers) + len(self.failures)
        said = (
            f"Version {self.version} counted {counted} of {images} images, {self.unsure} unsurely"
        )
        judged = [answer["match"] for answer in self.answers.values() if "match" in answer]
        if judged:
            said += f"; {judged.count(False)} of {len(judged)} do not match the books"
        return f"{said}.\nEvery image is in {file}."

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "version": self.version,
            "jobs": list(self.jobs),
            "images": len(self.answers) + len(self.failures),
            "counts": {str(count): images for count, images in self.counts.items()},
            "unsure": self.unsure,
            "failures": self.failures,
            "scores": [{"image": name, **answer} for name, answer in sorted(self.answers.items())],
        }


def collect(
    session: "boto3.Session",
    settings: Settings,
    version: int,
    found: Found,
    ended: Mapping[TransformJob, Mapping[str, Any]],
) -> Scores:
    """Fetch the answers of jobs that have ended, and the reasons for those that are missing.

    Raises:
        ScoringError: A job failed without an answer or a reason for any image.
    """
    answers: dict[str, Answer] = {}
    failures = dict(found.refused)
    for job, described in ended.items():
        got = _download(session, settings, job)
        answers |= got
        missing = [name for name in job.images if name not in got]
        if not missing:
            continue
        reasons = _reasons(session.client("logs"), job)
        why = described.get("FailureReason") or f"the job is {described['TransformJobStatus']}"
        if not got and not reasons:
            raise ScoringError(f"Transform job {job.name} failed: {why}\nIts log: {job.log}")
        for name in missing:
            failures[name] = reasons.get(name) or f"no answer; the job's log may say why: {job.log}"
    names = tuple(job.name for job in ended)
    return Scores(version, names, dict(sorted(answers.items())), dict(sorted(failures.items())))


def matched(answer: Answer, expected: int) -> Answer:
    """The answer with whether it matches the books, as the endpoint would have said it.

    `match_confidence` is the probability that the verdict is right; 0 for a quantity that the
    model cannot judge.
    """
    probability = answer["probabilities"].get(str(expected))
    match = probability is not None and answer["count"] == expected
    confidence = 0.0 if probability is None else probability if match else 1 - probability
    said = {"expected_quantity": expected, "match": match}
    return answer | said | {"match_confidence": round(confidence, DIGITS)}


def _download(session: "boto3.Session", settings: Settings, job: TransformJob) -> dict[str, Answer]:
    import obstore

    from pipelines.upload import objects

    store = objects.open_bucket(session, settings)
    prefix = job.output.split("/", 3)[3]
    keys = [entry["path"] for page in obstore.list(store, prefix=prefix) for entry in page]

    def read(key: str) -> tuple[str, Answer]:
        name = key.removeprefix(prefix).removesuffix(".out")
        body = bytes(obstore.get(store, key).bytes())
        try:
            answer = json.loads(body)
            return name, {"count": answer["count"], **answer}
        except (ValueError, KeyError, TypeError):
            raise ScoringError(
                f"{job.output}{name}.out holds no count but {body[:60]!r}: not an answer of "
                "Tally's model."
            ) from None

    with ThreadPoolExecutor(THREADS) as pool:
        got = dict(pool.map(read, keys))
    return {name: got[name] for name in job.images if name in got}


def _reasons(logs: Any, job: TransformJob) -> dict[str, str]:
    """What SageMaker's data log says about single images."""
    said: dict[str, list[str]] = {}
    place = job.source.removeprefix("s3://")
    names = set(job.images)
    for line in log_reading.read(logs, LOG_GROUP, job.name):
        entry = DATA_LOG.search(line.text)
        if entry and entry["said"].startswith(place):
            name, text = _split(entry["said"].removeprefix(place), names)
            if name and text not in ("", "Message:"):
                said.setdefault(name, []).append(text)
    return {name: _plain(texts) for name, texts in said.items()}


def _split(said: str, names: Collection[str]) -> tuple[str, str]:
    """The name and the text of `name: text`, each perhaps ""; names may hold a colon themselves."""
    for colon in re.finditer(": ", f"{said.rstrip(': ')}: "):
        if said[: colon.start()] in names:
            return said[: colon.start()], said[colon.end() :].strip()
    return "", ""


def _plain(texts: list[str]) -> str:
    """The server's own words where it said any, after the status."""
    try:
        own = json.loads(texts[-1])
        return str(own["error"])
    except (ValueError, KeyError, TypeError):
        return " ".join(texts)
