"""Findings from a profile, in words and with advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy

from training.watch.profiling.operators import PYTHON, Operators
from training.watch.profiling.profiler import Profile

DATA_SHARE = 0.3
EVALUATION_SHARE = 0.5
PREPARING_SHARE = 0.4
PYTHON_SHARE = 0.2
CPU_BUSY, CPU_IDLE = 85, 50  # per cent
OTHERS = 25  # per cent of the machine, used by other processes
MEMORY_FULL = 90  # per cent
GPU_IDLE = 50  # per cent
SLOWER = 0.7  # of the speed of the fastest epoch
ENOUGH_SAMPLES = 20  # ten seconds; shorter trainings are mostly start-up


@dataclass(frozen=True)
class Finding:
    """A sentence, and advice if something can be improved."""

    text: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.advice}".strip()


def findings(profile: Profile, speeds: Sequence[float] = ()) -> list[Finding]:
    """Findings about the use of time and memory.

    Args:
        profile: phases, samples and operators.
        speeds: images per second of each epoch.

    Returns:
        Findings with advice come first.
    """
    every = [
        *_phases(profile),
        *_operators(profile.operators),
        *_processors(profile),
        *_speed(speeds),
        *_memory(profile),
    ]
    return sorted(every, key=lambda finding: not finding.advice)


def _phases(profile: Profile) -> Iterator[Finding]:
    data, evaluation = profile.data_share, profile.evaluation_share
    if profile.steps_seconds:
        if data > DATA_SHARE:
            yield Finding(
                f"Data loading took {_percent(data)} of the training steps: the network waits for "
                "its images.",
                "Use a smaller image size, fewer augmentations, or more CPU cores.",
            )
        else:
            yield Finding(
                f"Data loading took {_percent(data)} of the training steps: it does not slow them "
                "down."
            )
    if evaluation > EVALUATION_SHARE:
        yield Finding(
            f"Validation took {_percent(evaluation)} of the epochs.",
            "Validate on fewer images, or train on more.",
        )
    before = sum(profile.phases.get(name, 0.0) for name in ("decoding", "model"))
    if profile.seconds and before / profile.seconds > PREPARING_SHARE:
        yield Finding(
            f"{_percent(before / profile.seconds)} of the time passed before the first step: "
            f"{profile.phases.get('decoding', 0.0):.1f} s for decoding images, "
            f"{profile.phases.get('model', 0.0):.1f} s for building the network.",
            "This happens once: with more epochs its share is smaller.",
        )


def _operators(operators: Operators | None) -> Iterator[Finding]:
    if operators is None or not operators.operators:
        return
    shares = operators.kinds()
    listed = [f"{_percent(share)} {kind}" for kind, share in shares if kind != PYTHON][:3]
    yield Finding(f"A training step consists of {', '.join(listed)}.")
    backward = sum(share for kind, share in shares if kind.endswith("backward"))
    if backward > 0.5:
        yield Finding(
            f"{_percent(backward)} of a training step is the backward pass.",
            "Freezing the first stages (freeze) saves their part of it.",
        )
    between = dict(shares).get(PYTHON, 0.0)
    if between > PYTHON_SHARE:
        yield Finding(
            f"{_percent(between)} of a training step passes between operators, in Python.",
            "With larger batches there are fewer steps, and less of this.",
        )


def _processors(profile: Profile) -> Iterator[Finding]:
    if profile.gpu:
        for index, samples in profile.gpu.items():
            used = float(numpy.mean(samples))
            advice = "Use a larger batch size or faster data loading."
            yield Finding(
                f"GPU {index} was used {used:.0f} % of the time.", advice if used < GPU_IDLE else ""
            )
    elif idle := waiting(profile):
        yield idle
    elif profile.cpu:
        used = float(numpy.mean(profile.cpu))
        if used >= CPU_BUSY:
            yield Finding(
                f"The CPU was at {used:.0f} % of {profile.cores} cores: training is limited by "
                "computation.",
                "A smaller image size or freezing the first stages (freeze) makes it faster.",
            )
        else:
            yield Finding(f"The CPU was at {used:.0f} % of {profile.cores} cores.")
    if profile.cpu and profile.machine_cpu:
        others = float(numpy.mean(profile.machine_cpu)) - float(numpy.mean(profile.cpu))
        if others > OTHERS:
            yield Finding(
                f"Other processes used {others:.0f} % of the machine, so these times would be "
                "shorter without them."
            )


def _speed(speeds: Sequence[float]) -> Iterator[Finding]:
    if not speeds:
        return
    yield Finding(f"Training processed {float(numpy.median(speeds)):.0f} images per second.")
    slowest = min(range(len(speeds)), key=lambda index: speeds[index])
    if speeds[slowest] < SLOWER * max(speeds):
        yield Finding(
            f"Epoch {slowest + 1} processed {speeds[slowest]:.0f} images per second, the fastest "
            f"{max(speeds):.0f}: another program was running, or the images differed in size."
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _memory(profile: Profile) -> Iterator[Finding]:
    if profile.memory_mb:
        peak, whole = max(profile.memory_mb), profile.machine_memory_mb
        of = f" of {whole / 1024:.1f}" if whole else ""
        fullest = max(profile.machine_memory, default=0.0)
        yield Finding(
            f"The process used up to {peak / 1024:.1f}{of} GB of memory"
            + (f"; with other processes {fullest:.0f} % was in use." if fullest else "."),
            "Choose a smaller batch size or image size." if fullest > MEMORY_FULL else "",
        )
    for index, peak in profile.gpu_memory_mb.items():
        whole = profile.gpu_memory_total_mb.get(index, 0.0)
        full = 100 * peak / whole if whole else 0.0
        yield Finding(
            f"On GPU {index} the process used up to {peak / 1024:.1f} of {whole / 1024:.1f} GB.",
            "Choose a smaller batch size or image size." if full > MEMORY_FULL else "",
        )


def waiting(profile: Profile) -> Finding | None:
    """Whether threads were idle although cores were free for them.

    Fewer threads than cores, or cores busy with other processes, are not reported: neither is the
    fault of the training.
    """
    if len(profile.cpu) < ENOUGH_SAMPLES or profile.gpu or not profile.machine_cpu:
        return None
    threads = min(profile.threads, profile.cores)
    used = float(numpy.mean(profile.cpu)) * profile.cores / threads
    idle = (100 - float(numpy.mean(profile.machine_cpu))) * profile.cores / threads
    if used >= CPU_IDLE or idle <= 100 - CPU_IDLE:
        return None
    return Finding(
        f"The {threads} threads computed {used:.0f} % of the time while cores were free for them.",
        "Use larger batches, or fewer threads for small ones.",
    )
