"""Requests that come at the same time are predicted together.

Nobody waits for a batch to fill: what has come while one prediction ran is the next batch. So a
client alone is answered at once, and many share the cost of a prediction. The thread that brings a
request to an idle batcher predicts it and all that come meanwhile; others leave theirs and go on
decoding. No request changes threads on its way.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger("serve")


@dataclass(frozen=True)
class Job:
    """A decoded request.

    Attributes:
        items: what input_fn gave: a list where requests are joined, else anything.
        finish: makes the answer of this request's part of the prediction.
        answer: given in the end, or the error that this request met.
    """

    items: Any
    finish: Callable[[Any], Any]
    answer: Future[Any] = field(default_factory=Future)


class Batcher:
    """Predicts jobs in the order in which they come, one prediction at a time.

    Args:
        predict: from `Job.items` to predictions; of joined jobs, from a list to one as long.
        most: items in one prediction; 1 never joins, and `items` may then be anything.
    """

    def __init__(self, predict: Callable[[Any], Any], most: int = 1) -> None:
        self._predict, self._most = predict, most
        self._waiting: deque[Job] = deque()
        self._lock = threading.Lock()
        self._busy = False

    def do(self, job: Job) -> None:
        """See that a job is answered: by this thread, or by the one that predicts already."""
        with self._lock:
            self._waiting.append(job)
            if self._busy:
                return
            self._busy = True
        while jobs := self._next():
            self._answer(jobs)

    def _next(self) -> list[Job]:
        with self._lock:
            jobs: list[Job] = []
            room = self._most
            while self._waiting and (not jobs or self._size(self._waiting[0]) <= room):
                jobs.append(self._waiting.popleft())
                room -= self._size(jobs[-1])
            self._busy = bool(jobs)
            return jobs

    def _size(self, job: Job) -> int:
        return 1 if self._most == 1 else max(1, len(job.items))

    def _answer(self, jobs: Sequence[Job]) -> None:
        try:
            predictions = self._predictions(jobs)
        except (Exception, SystemExit) as error:
            if len(jobs) == 1:
                jobs[0].answer.set_exception(error)
                return
            # One of them may be at fault, and the others have a right to their answers.
            log.warning("%d requests failed together; each is tried alone", len(jobs))
            for job in jobs:
                self._answer([job])
            return
        for job, prediction in zip(jobs, predictions, strict=True):
            try:
                job.answer.set_result(job.finish(prediction))
            except (Exception, SystemExit) as error:
                job.answer.set_exception(error)

    def _predictions(self, jobs: Sequence[Job]) -> list[Any]:
        """What is predicted for each job."""
        if self._most == 1:
            return [self._predict(job.items) for job in jobs]
        joined = [item for job in jobs for item in job.items]
        predictions = self._predict(joined)
        if len(predictions) != len(joined):
            raise RuntimeError(
                f"predict_fn gave {len(predictions)} predictions for {len(joined)} items; a "
                "program with MAX_BATCH gives one for each"
            )
        parts = iter(predictions)
        return [[next(parts) for _ in job.items] for job in jobs]
