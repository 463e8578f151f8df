"""Pipe mode: a channel as a sequence of FIFOs, one for each pass over its data.

Contract: SageMaker developer guide, "How Amazon SageMaker AI Provides Training Information": the
FIFOs are /opt/ml/input/data/CHANNEL_0, CHANNEL_1 and so on; each is read once, to its end.
"""

import errno
import os
import select
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

POLL = 0.05  # seconds between two looks whether a reader has come or the job has ended


class Pipe:
    """The FIFOs of one channel of one instance, fed by a thread that ends with the job.

    Attributes:
        error: why the data ended too early, or None.
    """

    def __init__(
        self,
        folder: Path,
        channel: str,
        data: Callable[[int], Iterator[bytes]],
        failed: Callable[[], None],
    ) -> None:
        """Feed nothing yet.

        Args:
            folder: what the container sees at /opt/ml/input/data.
            channel: the channel's name.
            data: returns the data of an epoch, from 0.
            failed: called when the data cannot be read on.
        """
        self.error: Exception | None = None
        self._folder = folder
        self._channel = channel
        self._data = data
        self._failed = failed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pipe {channel}", daemon=True)

    def open(self) -> None:
        """Make the first FIFO and start to feed it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        os.mkfifo(self._fifo(0))
        self._thread.start()

    def close(self) -> None:
        """End the feeding."""
        self._ended.set()
        self._thread.join()

    def _fifo(self, epoch: int) -> Path:
        return self._folder / f"{self._channel}_{epoch}"

    def _run(self) -> None:
        epoch = 0
        try:
            while (descriptor := self._writer(self._fifo(epoch))) is not None:
                # The next one is there before the reader of this one can have come to its end.
                os.mkfifo(self._fifo(epoch + 1))
                try:
                    self._feed(descriptor, self._data(epoch))
                finally:
                    os.close(descriptor)
                    self._fifo(epoch).unlink(missing_ok=True)
                epoch += 1
        except Exception as error:  # whatever it is: a reader would wait for ever
            if not self._ended.is_set():
                self.error = error
                self._failed()

    def _writer(self, fifo: Path) -> int | None:
        """The FIFO's end for writing when a reader has opened it; None when the job has ended."""
        while not self._ended.is_set():
            try:
                return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no reader yet
                    raise
            self._ended.wait(POLL)
        return None

    def _feed(self, descriptor: int, data: Iterator[bytes]) -> None:
        """Write until the data or the job end, or the reader goes away."""
        for chunk in data:
            rest = memoryview(chunk)
            while rest:
                if self._ended.is_set():
                    return
                if not select.select([], [descriptor], [], POLL)[1]:
                    continue
                try:
                    rest = rest[os.write(descriptor, rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:  # it wanted no more of this epoch
                    return
