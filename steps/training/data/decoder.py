"""Decode image files on demand or ahead of demand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch

import pixels
from training.environment import TrainingError

AHEAD = 3  # batches decoded while the model works on one
PIECE = 8  # images in one task of a thread


class Decoder:
    """Image files of one channel, which can be indexed like the tensor of their pixels.

    Threads decode: libjpeg-turbo and Pillow release Python's lock, and unlike processes, threads
    need not copy the pixels.
    """

    def __init__(self, files: Sequence[Path], image_size: int, workers: int) -> None:
        """Prepare to decode.

        Args:
            files: in the order of their indices.
            image_size: width and height of the pixels.
            workers: number of threads.
        """
        self._files, self._size, self._workers = files, image_size, max(1, workers)

    @property
    def bytes(self) -> int:
        """Size of all pixels."""
        return len(self._files) * 3 * self._size**2

    def only(self, indices: torch.Tensor) -> Decoder:
        """Select files, in the order of the indices."""
        files = [self._files[index] for index in indices.tolist()]
        return Decoder(files, self._size, self._workers)

    def __getitem__(self, indices: torch.Tensor) -> torch.Tensor:
        """Pixels, uint8 (n, 3, size, size), of int64 (n,) indices.

        Raises:
            TrainingError: a file is not an image.
        """
        return next(self.stream([indices]))

    def stream(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """Yield `self[indices]` for each batch of indices, decoded some batches ahead.

        Raises:
            TrainingError: a file is not an image.
        """
        queue: deque[tuple[torch.Tensor, list[Future[None]]]] = deque()
        pool = ThreadPoolExecutor(self._workers, "decode")
        try:
            for indices in batches:
                queue.append(self._submit(pool, indices))
                if len(queue) > AHEAD:
                    yield _wait(*queue.popleft())
            while queue:
                yield _wait(*queue.popleft())
        finally:  # also when the caller stops early
            pool.shutdown(cancel_futures=True)

    def _submit(
        self, pool: ThreadPoolExecutor, indices: torch.Tensor
    ) -> tuple[torch.Tensor, list[Future[None]]]:
        batch = torch.empty((len(indices), 3, self._size, self._size), dtype=torch.uint8)
        pieces = zip(batch.split(PIECE), indices.split(PIECE), strict=True)
        return batch, [pool.submit(self._decode, *piece) for piece in pieces]

    def _decode(self, piece: torch.Tensor, indices: torch.Tensor) -> None:
        for image, index in zip(piece.numpy(), indices.tolist(), strict=True):
            file = self._files[index]
            try:
                image[:] = pixels.decode(file.read_bytes(), self._size).transpose(2, 0, 1)
            except (pixels.ImageError, OSError) as error:
                raise TrainingError(f"{file} cannot be read as an image: {error}") from error


def _wait(batch: torch.Tensor, pieces: list[Future[None]]) -> torch.Tensor:
    for piece in pieces:
        piece.result()
    return batch
