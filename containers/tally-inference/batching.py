"""Predict requests together that arrive at the same time.

A batch is not waited for: the requests that arrive during one prediction are the next batch. So a
single client is answered at once, and many clients share the cost of a prediction. The thread that
brings a request to an idle batcher predicts it and all that arrive meanwhile; other threads leave
their requests with it and go on decoding. A lone request never changes threads.
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
        items: What input_fn returned: a list if requests are joined, else anything.
        finish: Makes the answer from this request's part of the prediction.
        answer: Set to the answer, or to the error that this request met.
    """

    items: Any
    finish: Callable[[Any], Any]
    answer: Future[Any] = field(default_factory=Future)


class Batcher:
    """Predicts jobs in the order in which they come, one prediction at a time.

    Args:
        predict: From `Job.items` to predictions; of joined jobs, from a list to one of its length.
        max_items: Items in one prediction; with 1 nothing is joined, and `items` may be anything.
    """

    def __init__(self, predict: Callable[[Any], Any], max_items: int = 1) -> None:
        self._predict, self._max_items = predict, max_items
        self._waiting: deque[Job] = deque()
        self._lock = threading.Lock()
        self._busy = False

    def do(self, job: Job) -> None:
        """Have a job answered: by this thread, or by the one that is already predicting."""
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
            room = self._max_items
            while self._waiting and (not jobs or self._size(self._waiting[0]) <= room):
                jobs.append(self._waiting.popleft())
                room -= self._size(jobs[-1])
            self._busy = bool(jobs)
            return jobs

    def _size(self, job: Job) -> int:
        return 1 if self._max_items == 1 else max(1, len(job.items))

    def _answer(self, jobs: Sequence[Job]) -> None:
        try:
            predictions = self._predictions(jobs)
        except (Exception, SystemExit) as error:
            if len(jobs) == 1:
                jobs[0].answer.set_exception(error)
                return
            # One of them may be the cause; the others get their answers.
            log.warning("%d requests failed together; trying each alone", len(jobs))
            for job in jobs:
                self._answer([job])
            return
        for job, prediction in zip(jobs, predictions, strict=True):
            try:
                job.answer.set_result(job.finish(prediction))
            except (Exception, SystemExit) as error:
                job.answer.set_exception(error)

    def _predictions(self, jobs: Sequence[Job]) -> list[Any]:
        """The prediction for each job."""
        if self._max_items == 1:
            return [self._predict(job.items) for job in jobs]
        joined = [item for job in jobs for item in job.items]
        predictions = self._predict(joined)
        if len(predictions) != len(joined):
            raise RuntimeError(
                f"predict_fn returned {len(predictions)} predictions for {len(joined)} items; a "
                "program with MAX_BATCH must return one for each"
            )
        parts = iter(predictions)
        return [[next(parts) for _ in job.items] for job in jobs]
