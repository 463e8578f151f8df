"""The median stopping rule of TrainingJobEarlyStoppingType Auto.

Source: SageMaker developer guide, "Stop Training Jobs Early": a job is stopped when its objective
is worse than the median of the running averages that earlier jobs had up to the same epoch.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

# With fewer, a median means little. The guide has no number.
_FEWEST_JOBS = 3


def should_stop(
    current: Sequence[float], earlier: Sequence[Sequence[float]], maximize: bool
) -> bool:
    """Whether a running job should be stopped.

    Args:
        current: the objective after each of the job's epochs so far.
        earlier: the same for each completed job.
        maximize: whether a greater objective is better.
    """
    epoch = len(current)
    if epoch == 0:
        return False
    averages = [statistics.fmean(values[:epoch]) for values in earlier if len(values) >= epoch]
    if len(averages) < _FEWEST_JOBS:
        return False
    median = statistics.median(averages)
    return current[-1] < median if maximize else current[-1] > median
