"""Measures a training: times its phases, samples the machine, records operators if requested."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy
import psutil
import torch
from torch import nn

if TYPE_CHECKING:
    from training.watch.profiling.operators import Operators, Recorder

INTERVAL_SECONDS = 0.5  # SageMaker Debugger's default sampling interval


@dataclass
class Profile:
    """Measurements: seconds by phase, and samples in per cent (memory in MB).

    Attributes:
        cpu: use of the cores by this process.
        machine_cpu: use of the cores by all processes.
        times: of the samples, in seconds from the start.
        operators: of the recorded steps; None if none were recorded.
        findings: conclusions in words.
        gpu_memory_mb: largest use of this process on each GPU.
        cores: number of cores that this process may use.
        threads: number of threads that compute.
    """

    phases: dict[str, float] = field(default_factory=dict)
    cpu: list[float] = field(default_factory=list)
    machine_cpu: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    machine_memory: list[float] = field(default_factory=list)
    machine_memory_mb: float = 0.0
    gpu: dict[int, list[float]] = field(default_factory=dict)
    gpu_memory_mb: dict[int, float] = field(default_factory=dict)
    gpu_memory_total_mb: dict[int, float] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    operators: Operators | None = None
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cores: int = 1
    threads: int = 1

    @property
    def steps_seconds(self) -> float:
        """Seconds of the training steps, including their data."""
        return self.phases.get("data", 0.0) + self.phases.get("forward_backward", 0.0)

    @property
    def data_share(self) -> float:
        """Share of the training steps spent on their data."""
        return self.phases.get("data", 0.0) / self.steps_seconds if self.steps_seconds else 0.0

    @property
    def evaluation_share(self) -> float:
        """Share of the epochs spent on validation."""
        total = self.steps_seconds + self.phases.get("evaluation", 0.0)
        return self.phases.get("evaluation", 0.0) / total if total else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The figures for reports."""
        return {
            "seconds": round(self.seconds, 2),
            "phases": {name: round(seconds, 2) for name, seconds in self.phases.items()},
            "cores": self.cores,
            "threads": self.threads,
            "samples": len(self.cpu),
            "cpu_percent": _summary(self.cpu),
            "machine_cpu_percent": _summary(self.machine_cpu),
            "memory_mb": _summary(self.memory_mb),
            "machine_memory_percent": _summary(self.machine_memory),
            "findings": self.findings,
            "gpu_percent": {str(index): _summary(values) for index, values in self.gpu.items()},
        }


class Profiler:
    """Samples in a thread between `start` and `stop`; `phase` times its context."""

    def __init__(self, interval: float = INTERVAL_SECONDS) -> None:
        self.profile = Profile(
            cores=_cores(),
            threads=torch.get_num_threads(),
            machine_memory_mb=psutil.virtual_memory().total / 2**20,
        )
        self._interval = interval
        self._recorder: Recorder | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True, name="profiler")
        self._started = time.monotonic()

    def start(self) -> None:
        """Start sampling."""
        self._started = time.monotonic()
        self._thread.start()

    def stop(self) -> Profile:
        """Stop sampling and return the measurements."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.profile.seconds = time.monotonic() - self._started
        if self._recorder:
            self.profile.operators = self._recorder.stop()
        for index in range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0):
            used, whole = torch.cuda.max_memory_reserved(index), torch.cuda.mem_get_info(index)[1]
            self.profile.gpu_memory_mb[index] = used / 2**20
            self.profile.gpu_memory_total_mb[index] = whole / 2**20
        return self.profile

    def record(self, model: nn.Module, steps: int, parts: bool = True) -> None:
        """Record operators and, if requested, parts of the model in a few of the next steps."""
        from training.watch.profiling.operators import Recorder

        self._recorder = Recorder(model, steps, parts)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time spent in this context to a phase."""
        with self._recorder.phase(name) if self._recorder else nullcontext():
            started = time.perf_counter()
            try:
                yield
            finally:
                spent = time.perf_counter() - started
                self.profile.phases[name] = self.profile.phases.get(name, 0.0) + spent

    def _sample(self) -> None:
        process = psutil.Process()
        process.cpu_percent()  # the first call starts the clock
        psutil.cpu_percent()
        gpus = torch.cuda.is_available()
        while not self._ended.wait(self._interval):
            self.profile.times.append(time.monotonic() - self._started)
            self.profile.cpu.append(process.cpu_percent() / self.profile.cores)
            self.profile.machine_cpu.append(psutil.cpu_percent())
            self.profile.memory_mb.append(process.memory_info().rss / 2**20)
            self.profile.machine_memory.append(psutil.virtual_memory().percent)
            if gpus:
                for index, value in enumerate(_gpu_utilisation()):
                    self.profile.gpu.setdefault(index, []).append(value)


def _gpu_utilisation() -> list[float]:
    """Use of each GPU in per cent, from nvidia-smi; empty if it fails."""
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return [float(line) for line in answer.stdout.split() if line.replace(".", "").isdigit()]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _summary(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {
        "mean": round(float(numpy.mean(values)), 1),
        "p95": round(float(numpy.percentile(values, 95)), 1),
        "max": round(max(values), 1),
    }
