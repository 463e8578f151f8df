"""The tuning jobs that run in this server."""

import threading

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.jobs.kinds import TUNING
from sagemaker_emulator.sagemaker.tuning.trials import ENDED
from sagemaker_emulator.sagemaker.tuning.tuner import Tuner


class Tuners:
    """The tuning jobs that run in one server, a thread each."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._running: list[Tuner] = []

    def start(self) -> None:
        """Continue the tuning jobs that an earlier server left unfinished."""
        for document in self._context.store.list(TUNING.resource):
            if document[TUNING.status_key] not in ENDED:
                self.begin(document[TUNING.name_key])

    def stop(self) -> None:
        """End the threads of running tuning jobs; the next `start` continues them."""
        self._closing.set()
        for tuner in self._running:
            tuner.join(3)

    def begin(self, name: str) -> None:
        """Run, or continue, the tuning job of this name."""
        tuner = Tuner(self._context, name, self._closing)
        with self._lock:
            self._running = [other for other in self._running if other.is_alive()] + [tuner]
            tuner.start()
