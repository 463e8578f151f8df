"""Image files as pixels: decoded when they are asked for, or ahead of being asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch

import pixels
from training.environment import TrainingError

AHEAD = 3  # batches that are decoded while the model works on one
PIECE = 8  # images that a thread decodes before it takes up others


class Decoder:
    """Files of one channel, that can be indexed as the tensor of their pixels can.

    Threads decode: libjpeg-turbo and Pillow work without Python's lock, and threads hand over
    pixels without copying them between processes.
    """

    def __init__(self, files: Sequence[Path], image_size: int, workers: int) -> None:
        """What is decoded.

        Args:
            files: in the order of their indices.
            image_size: width and height of the pixels.
            workers: threads.
        """
        self._files, self._size, self._workers = files, image_size, max(1, workers)

    @property
    def bytes(self) -> int:
        """What all pixels take."""
        return len(self._files) * 3 * self._size**2

    def only(self, indices: torch.Tensor) -> Decoder:
        """These files alone, in this order."""
        files = [self._files[index] for index in indices.tolist()]
        return Decoder(files, self._size, self._workers)

    def __getitem__(self, indices: torch.Tensor) -> torch.Tensor:
        """Pixels, uint8 (n, 3, size, size), of int64 (n,) indices.

        Raises:
            TrainingError: a file is no image.
        """
        return next(self.stream([indices]))

    def stream(self, batches: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """As `[indices]` for one batch of indices after another, decoded some batches ahead.

        Raises:
            TrainingError: a file is no image.
        """
        begun: deque[tuple[torch.Tensor, list[Future[None]]]] = deque()
        pool = ThreadPoolExecutor(self._workers, "decode")
        try:
            for indices in batches:
                begun.append(self._begin(pool, indices))
                if len(begun) > AHEAD:
                    yield _end(*begun.popleft())
            while begun:
                yield _end(*begun.popleft())
        finally:  # also when nobody wants the rest
            pool.shutdown(cancel_futures=True)

    def _begin(
        self, pool: ThreadPoolExecutor, indices: torch.Tensor
    ) -> tuple[torch.Tensor, list[Future[None]]]:
        room = torch.empty((len(indices), 3, self._size, self._size), dtype=torch.uint8)
        pieces = zip(room.split(PIECE), indices.split(PIECE), strict=True)
        return room, [pool.submit(self._decode, *piece) for piece in pieces]

    def _decode(self, room: torch.Tensor, indices: torch.Tensor) -> None:
        for place, index in zip(room.numpy(), indices.tolist(), strict=True):
            file = self._files[index]
            try:
                place[:] = pixels.decode(file.read_bytes(), self._size).transpose(2, 0, 1)
            except (pixels.ImageError, OSError) as error:
                raise TrainingError(f"{file} cannot be read as an image: {error}") from error


def _end(room: torch.Tensor, begun: list[Future[None]]) -> torch.Tensor:
    for piece in begun:
        piece.result()
    return room
