"""Several processes that train one model together: one for each GPU, of one host or of many.

`python -m torch.distributed.run` starts them; each learns from its share of every batch, and their
gradients are added up before each step. The sum is made here, once for each step, rather than in
torch's DistributedDataParallel: no process waits for another inside the backward pass, so that one
which runs out of memory can try again in pieces, and a loss that is no number ends all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Group:
    """The processes that train together.

    Attributes:
        rank: this one's number; 0 is the one that validates, writes and prints.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def total(self, values: Iterable[float], device: torch.device) -> list[float]:
        """The sum over all processes of each value."""
        if self.size == 1:
            return list(values)
        summed = torch.tensor(list(values), dtype=torch.float64, device=device)
        distributed.all_reduce(summed)
        return summed.tolist()

    def add_gradients(self, model: nn.Module) -> None:
        """Replace each gradient by the sum over all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        parts = together.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def from_first(self, value: Any) -> Any:
        """The first process's value, in all of them."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]


@contextmanager
def joined(variables: Mapping[str, str], cuda: bool) -> Iterator[Group]:
    """The group that torch's launcher started this process in; of one where it did not.

    Args:
        variables: RANK, LOCAL_RANK and WORLD_SIZE, of `torch.distributed.run`.
        cuda: whether each process has a GPU; nccl joins those, and gloo processors.
    """
    size = int(variables.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group()
        return
    if cuda:
        torch.cuda.set_device(int(variables["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Group(int(variables["RANK"]), size)
    finally:
        distributed.destroy_process_group()
