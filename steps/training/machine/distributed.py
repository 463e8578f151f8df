"""Several processes that train one model together: one for each GPU of each host.

`python -m torch.distributed.run` starts them. Each computes its share of every batch, and their
gradients are added before each step. The sum is made here rather than by DistributedDataParallel:
no process waits for another inside the backward pass, so one that runs out of memory can retry in
pieces, and a loss that is not finite ends all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed, nn

Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """The processes that train together.

    Attributes:
        rank: number of this process; process 0 validates, writes and prints.
        size: number of processes.
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
        return [float(value) for value in summed.tolist()]

    def add_gradients(self, model: nn.Module) -> None:
        """Replace each gradient by the sum over all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        summed = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(summed)
        parts = summed.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def from_first(self, value: Value) -> Value:
        """Broadcast the value of the first process to all."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        distributed.broadcast_object_list(box, src=0)
        first: Value = box[0]
        return first


@contextmanager
def joined(variables: Mapping[str, str], cuda: bool) -> Iterator[Group]:
    """Join the processes of torch's launcher; without it, yield a group of one.

    Args:
        variables: environment; RANK, LOCAL_RANK and WORLD_SIZE are set by `torch.distributed.run`.
        cuda: whether each process has a GPU: nccl connects GPUs, and gloo CPUs.
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
