"""Memory that is used again, and batches that do not fit into it: cut into pieces."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from training.environment import TrainingError

Result = TypeVar("Result")

# How PyTorch's allocators for the CPU say it, by platform; for a GPU there is an error of its own.
CPU_MESSAGES = ("can't allocate memory", "not enough memory")

# Of glibc's malloc.h, for mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
NEVER = 2**31 - 1


def keep_freed() -> None:
    """Have the process keep the memory that it frees, for the next step of the same size.

    glibc maps every tensor of more than 32 MiB anew and returns it when it is freed, so each step
    would have the kernel fill hundreds of megabytes with zeros, page by page: a sixth of a step's
    time and more (benchmarks/freed_memory.py). The process holds its peak until it ends. Elsewhere
    than on glibc nothing changes. One arena, so that any thread uses what another has freed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return
    for parameter, value in ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER)):
        mallopt(parameter, value)


@dataclass
class Pieces:
    """Into how many pieces each batch is cut; doubled whenever the memory runs out."""

    count: int = 1

    def run(self, images: int, where: str, work: Callable[[int], Result]) -> Result:
        """Do the work on a batch, again in twice as many pieces while the memory runs out.

        A piece has two images at least: batch normalisation cannot learn from a single one. It
        normalises by the piece, so what it learns differs a little from that of a whole batch.

        Args:
            images: how many there are in the batch.
            where: which batch, for the log.
            work: takes the number of pieces, and begins from scratch.

        Raises:
            TrainingError: not even two images fit.
        """
        most = max(1, images // 2)
        while True:
            count = min(self.count, most)
            try:
                return work(count)
            except (RuntimeError, MemoryError) as error:
                if not ran_out(error):
                    raise
            # Only here, after the error, has its traceback let go of the attempt's tensors.
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            largest = -(-images // count)
            if count == most:
                raise TrainingError(
                    f"out of memory at {where} with {largest} images at once, the fewest that it "
                    "can do; choose a smaller image-size or backbone, or an instance with more "
                    "memory"
                )
            self.count = min(2 * count, most)
            print(
                f"out of memory at {where} with {largest} images at once; a batch is still "
                f"{images} images, but done in {self.count} pieces that are added up",
                flush=True,
            )


def ran_out(error: BaseException) -> bool:
    """Whether an error means that there was too little memory, of the GPU or of the machine."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        message in str(error) for message in CPU_MESSAGES
    )
