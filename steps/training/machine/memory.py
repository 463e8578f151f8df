"""Keep freed memory for reuse, and split batches that do not fit into memory."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from training.environment import TrainingError

Result = TypeVar("Result")

# Messages of PyTorch's CPU allocators, by platform; for a GPU there is a class of error.
CPU_MESSAGES = ("can't allocate memory", "not enough memory")

# From glibc's malloc.h, for mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
NEVER = 2**31 - 1


def keep_freed() -> None:
    """Make the process keep freed memory, for the next step of the same size.

    By default glibc maps every tensor of more than 32 MiB anew and unmaps it when freed, so in each
    step the kernel fills hundreds of megabytes with zeros, page by page: a sixth of a step's time
    and more (benchmarks/freed_memory.py). The process holds its peak until it ends. With one arena,
    any thread can reuse memory that another has freed. Without glibc nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return
    for parameter, value in ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER)):
        mallopt(parameter, value)


@dataclass
class Pieces:
    """Number of pieces of each batch; doubled whenever memory runs out."""

    count: int = 1

    def run(self, images: int, where: str, work: Callable[[int], Result]) -> Result:
        """Work on a batch; while memory runs out, start over in twice as many pieces.

        A piece has at least two images, as batch normalisation cannot train on one. It normalises
        each piece by itself, so its statistics differ a little from those of a whole batch.

        Args:
            images: number of images in the batch.
            where: name of the batch, for the log.
            work: takes the number of pieces and starts from scratch.

        Raises:
            TrainingError: not even two images fit.
        """
        largest_count = max(1, images // 2)
        while True:
            count = min(self.count, largest_count)
            try:
                return work(count)
            except (RuntimeError, MemoryError) as error:
                if not ran_out(error):
                    raise
            # Only now, after the except block, has the traceback released the attempt's tensors.
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            largest = -(-images // count)
            if count == largest_count:
                raise TrainingError(
                    f"out of memory at {where} with {largest} images at once, the smallest "
                    "possible number; choose a smaller image-size or backbone, or an instance with "
                    "more memory"
                )
            self.count = min(2 * count, largest_count)
            print(
                f"out of memory at {where} with {largest} images at once; each batch of {images} "
                f"images is now computed in {self.count} pieces, which are added up",
                flush=True,
            )


def ran_out(error: BaseException) -> bool:
    """Whether an error means that the GPU or the machine ran out of memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        message in str(error) for message in CPU_MESSAGES
    )
