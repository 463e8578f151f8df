"""The operators of a training step and their times, recorded by torch's profiler.

Two steps near the beginning are recorded, with a few thousand operators each: enough, as all steps
are alike. They are evaluated after the training, outside of all reported times.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# Keep Kineto's messages about its own start and end out of the training log.
os.environ.setdefault("KINETO_LOG_LEVEL", "9")

import torch
from torch import nn
from torch.profiler import ProfilerActivity, record_function, schedule

STEP = "forward_backward"  # the last phase of a training step
RECORDED = 2  # steps
PHASE, MODULE = "phase: ", "module: "
PYTHON = "Python between operators"
# Kinds of operators by pattern of their names; the first match counts.
KINDS = (
    (r"conv.*backward", "convolution backward"),
    (r"conv", "convolution forward"),
    (r"norm.*backward", "normalisation backward"),
    (r"(batch|layer|group|instance)_norm", "normalisation forward"),
    (r"(hardtanh|relu|silu|gelu|hardswish|threshold|sigmoid)\w*_backward", "activation backward"),
    (r"hardtanh|relu|silu|gelu|hardswish|clamp|sigmoid", "activation forward"),
    (r"(mm|matmul|linear|attention)", "matrix product"),
    (r"pool|mean", "pooling"),
    (r"copy|clone|contiguous|cat|index|Memcpy", "copying"),
    (r"sqrt|lerp|addcdiv|addcmul|foreach|fused|(mul|add|div|sub)_?$", "optimiser arithmetic"),
)


@dataclass(frozen=True)
class Operator:
    """An operator or a module.

    Attributes:
        name: torch's name.
        kind: a kind from KINDS, or similar.
        milliseconds: time in one training step.
        share: share of the step.
        calls: number of calls in one training step.
    """

    name: str
    kind: str
    milliseconds: float
    share: float
    calls: float


@dataclass(frozen=True)
class Operators:
    """The operators of the recorded steps.

    Attributes:
        steps: number of recorded steps.
        device: cpu or cuda, where the times were measured.
        operators: with their self time, the slowest first.
        modules: parts of the network in order, with the time of their forward pass.
    """

    steps: int
    device: str
    operators: tuple[Operator, ...]
    modules: tuple[Operator, ...]

    def kinds(self) -> list[tuple[str, float]]:
        """The share of each kind of operator, the largest first."""
        shares: dict[str, float] = {}
        for operator in self.operators:
            shares[operator.kind] = shares.get(operator.kind, 0.0) + operator.share
        return sorted(shares.items(), key=lambda item: -item[1])


class Recorder:
    """Records a few steps of a training, which it recognises by their phases."""

    def __init__(self, model: nn.Module, steps: int, parts: bool = True) -> None:
        """Start recording; the first steps are skipped, as they are slower than the rest.

        Args:
            model: the network in training.
            steps: number of training steps.
            parts: also time the parts of the network, by hooks, which a compiled network lacks.
        """
        self._cuda = torch.cuda.is_available()
        wait = min(2, max(steps - RECORDED - 1, 0))
        self._last = wait + 1 + RECORDED
        self._steps = 0
        self._active = True
        self._open: list[record_function] = []
        self._hooks = [
            hook
            for name, module in (_parts(model) if parts else [])
            for hook in (
                module.register_forward_pre_hook(self._hook_entering(name)),
                module.register_forward_hook(self._leave),
            )
        ]
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self._cuda else [])]
        self._profile = torch.profiler.profile(
            activities=activities,
            schedule=schedule(wait=wait, warmup=1, active=RECORDED, repeat=1),
        )
        self._profile.start()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Record everything inside as part of a phase; the end of STEP ends a step."""
        if not self._active:
            yield
            return
        try:
            with record_function(PHASE + name):
                yield
        finally:
            self._close()
        if name == STEP:
            self._steps += 1
            self._profile.step()
            if self._steps == self._last:
                self._end()

    def stop(self) -> Operators | None:
        """The recorded operators; None if the training had too few steps."""
        self._end()
        recorded = self._steps - (self._last - RECORDED)
        if recorded < 1:
            return None
        return _read(self._profile.key_averages(), min(recorded, RECORDED), self._cuda)

    def _end(self) -> None:
        if self._active:
            self._active = False
            self._close()
            for hook in self._hooks:
                hook.remove()
            self._profile.stop()

    def _hook_entering(self, name: str) -> Any:
        def enter(*_: Any) -> None:
            self._open.append(record_function(MODULE + name))
            self._open[-1].__enter__()

        return enter

    def _leave(self, *_: Any) -> None:
        if self._open:
            self._open.pop().__exit__(None, None, None)

    def _close(self) -> None:
        """Close the records that a forward pass left open when it ran out of memory."""
        while self._open:
            self._leave()


def _parts(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The children of a network; a sequence is replaced by its own children."""
    parts: list[tuple[str, nn.Module]] = []
    for name, child in model.named_children():
        if isinstance(child, nn.Sequential) and len(child) > 1:
            parts += [(f"{name}.{inner}", part) for inner, part in child.named_children()]
        else:
            parts.append((name, child))
    return parts


def _read(averages: Any, steps: int, cuda: bool) -> Operators:
    """Convert torch's averages to times of one step."""
    device = "cuda" if cuda else "cpu"

    def own(event: Any) -> float:
        return float(event.self_device_time_total if cuda else event.self_cpu_time_total)

    def total(event: Any) -> float:
        return float(event.device_time_total if cuda else event.cpu_time_total)

    times: dict[str, tuple[float, float]] = {}
    modules: list[tuple[str, float, float]] = []
    whole = 0.0
    for event in averages:
        name = event.key
        whole += own(event)
        if name.startswith(MODULE):
            modules.append((name.removeprefix(MODULE), total(event), event.count))
        if name.startswith((MODULE, PHASE, "ProfilerStep", "Optimizer.", "autograd::")):
            # Not an operator but a range around some: its self time passes between them.
            name = PYTHON
        time, calls = times.get(name, (0.0, 0))
        times[name] = (time + own(event), calls + event.count)
    whole = whole or 1.0

    def operator(name: str, kind: str, microseconds: float, calls: float) -> Operator:
        return Operator(name, kind, microseconds / 1e3 / steps, microseconds / whole, calls / steps)

    operators = [
        operator(name, _kind(name), *values) for name, values in times.items() if values[0] > 0
    ]
    return Operators(
        steps,
        device,
        tuple(sorted(operators, key=lambda one: -one.milliseconds)),
        tuple(operator(name, "module", *values) for name, *values in modules),
    )


def _kind(name: str) -> str:
    if name == PYTHON:
        return PYTHON
    return next((kind for pattern, kind in KINDS if re.search(pattern, name)), "other")
