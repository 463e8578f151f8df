"""The search strategy of a tuning job: which hyperparameters to try next.

Optuna searches; this file translates SageMaker's ParameterRanges.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws import numerals

if TYPE_CHECKING:
    import optuna

STRATEGIES = ("Bayesian", "Random", "Grid")
# "Auto" leaves the scale to the service: here logarithmic from two orders of magnitude on.
_AUTO_LOGARITHMIC = 100.0
_EXACT = 2**53


class RangeError(ValueError):
    """A range that cannot be searched; the message names the hyperparameter."""


@dataclass(frozen=True)
class Range:
    """One hyperparameter's range.

    Attributes:
        name: the hyperparameter.
        kind: "integer", "continuous" or "categorical".
        low: least value of a number.
        high: greatest value of a number.
        scale: "linear", "logarithmic" or "reverse" (logarithmic in 1 - x).
        values: what a categorical hyperparameter may be.
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = 0.0
    scale: str = "linear"
    values: tuple[str, ...] = ()

    def holds(self, text: str | None) -> bool:
        """Whether a hyperparameter's text is one of the values that are searched."""
        if text is None or self.kind == "categorical":
            return text in self.values
        value = numerals.number(text)
        if value is None or (self.kind == "integer" and not value.is_integer()):
            return False
        return self.low <= value <= self.high


def parse_ranges(ranges: Mapping[str, Any]) -> list[Range]:
    """Read ParameterRanges.

    Raises:
        RangeError: for an empty or inverted range, a value that is no number, or a scale that the
            range does not allow.
    """
    parsed = [
        *(_numeric(entry, "integer") for entry in ranges.get("IntegerParameterRanges") or []),
        *(_numeric(entry, "continuous") for entry in ranges.get("ContinuousParameterRanges") or []),
        *(
            Range(entry["Name"], "categorical", values=tuple(entry["Values"]))
            for entry in ranges.get("CategoricalParameterRanges") or []
        ),
    ]
    if ranges.get("AutoParameters"):
        raise RangeError("AutoParameters are not supported: use ranges.")
    if not parsed:
        raise RangeError("ParameterRanges is empty: add at least one range.")
    names = [item.name for item in parsed]
    for item in parsed:
        if names.count(item.name) > 1:
            raise RangeError(f"ParameterRanges names '{item.name}' twice.")
        if item.kind == "categorical" and not item.values:
            raise RangeError(f"Values of hyperparameter '{item.name}' is empty.")
    return parsed


def _numeric(entry: Mapping[str, Any], kind: str) -> Range:
    name = entry["Name"]
    low, high = numerals.number(entry["MinValue"]), numerals.number(entry["MaxValue"])
    if low is None or high is None:
        raise RangeError(
            f"MinValue and MaxValue of hyperparameter '{name}' must be numbers: "
            f"{entry['MinValue']!r} and {entry['MaxValue']!r}."
        )
    if kind == "integer" and not (low >= -_EXACT and high <= _EXACT):
        raise RangeError(
            f"MinValue and MaxValue of hyperparameter '{name}' are beyond 53 bits, which the "
            "emulator's search cannot count exactly."
        )
    if low > high:
        raise RangeError(f"MinValue of hyperparameter '{name}' is above its MaxValue.")
    if kind == "integer" and not (low.is_integer() and high.is_integer()):
        raise RangeError(f"MinValue and MaxValue of hyperparameter '{name}' must be integers.")
    return Range(name, kind, low, high, _scale(entry.get("ScalingType", "Auto"), name, low, high))


def _scale(scaling: str, name: str, low: float, high: float) -> str:
    if scaling == "Logarithmic":
        if low <= 0:
            raise RangeError(f"Logarithmic needs a MinValue above 0 for hyperparameter '{name}'.")
        return "logarithmic"
    if scaling == "ReverseLogarithmic":
        if not 0 <= low <= high < 1:
            raise RangeError(f"ReverseLogarithmic needs 0 <= '{name}' < 1.")
        return "reverse"
    wide = low > 0 and high / low >= _AUTO_LOGARITHMIC
    return "logarithmic" if scaling == "Auto" and wide else "linear"


def grid_size(ranges: Sequence[Range]) -> int:
    """How many combinations Grid tries.

    Raises:
        RangeError: if a range is not categorical; Grid takes no other.
    """
    other = [item.name for item in ranges if item.kind != "categorical"]
    if other:
        raise RangeError(f"Grid takes categorical ranges only; {', '.join(other)} is not.")
    return math.prod(len(item.values) for item in ranges)


class Search:
    """Proposes hyperparameters and learns from their outcomes. Not thread-safe."""

    def __init__(
        self,
        strategy: str,
        ranges: Sequence[Range],
        maximize: bool,
        trials: int,
        seed: int | None = None,
    ) -> None:
        """Begin a search.

        Args:
            strategy: one of STRATEGIES.
            ranges: what to search.
            maximize: whether a greater objective is better.
            trials: how many trials there will be; the first third or so explores at random.
            seed: makes the proposals repeatable.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._ranges = list(ranges)
        self._grid: Iterator[tuple[str, ...]] | None = (
            itertools.product(*(item.values for item in ranges)) if strategy == "Grid" else None
        )
        sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=seed)
        if strategy == "Bayesian":
            sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=max(2, min(10, trials // 3)), constant_liar=True
            )
        self._study = optuna.create_study(
            direction="maximize" if maximize else "minimize", sampler=sampler
        )
        self._trials: dict[str, optuna.trial.Trial] = {}

    def propose(self, key: str) -> dict[str, str]:
        """The next trial's hyperparameters, as the strings that a training job takes.

        Args:
            key: identifies the trial when `tell` reports its outcome.
        """
        if self._grid is not None:
            return dict(zip((item.name for item in self._ranges), next(self._grid), strict=True))
        trial = self._study.ask({item.name: _distribution(item) for item in self._ranges})
        self._trials[key] = trial
        return {item.name: _outer(item, trial.params[item.name]) for item in self._ranges}

    def tell(self, key: str, objective: float | None) -> None:
        """Report a trial's outcome; None where it failed."""
        import optuna

        trial = self._trials.pop(key, None)
        if trial is None:
            return
        if objective is None or not math.isfinite(objective):
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, objective)

    def recall(self, hyperparameters: Mapping[str, str], objective: float) -> None:
        """Add an outcome from before a restart."""
        import optuna

        if self._grid is not None:
            return
        self._study.add_trial(
            optuna.trial.create_trial(
                params={
                    item.name: _inner(item, hyperparameters[item.name]) for item in self._ranges
                },
                distributions={i.name: _distribution(i) for i in self._ranges},
                value=objective,
            )
        )

    def skip(self, tried: Iterable[Mapping[str, str]]) -> None:
        """Leave out grid points that were tried before a restart."""
        if self._grid is None:
            return
        points = [tuple(one[item.name] for item in self._ranges) for one in tried]
        self._grid = (point for point in self._grid if point not in points)


def _distribution(item: Range) -> optuna.distributions.BaseDistribution:
    from optuna import distributions

    if item.kind == "categorical":
        return distributions.CategoricalDistribution(item.values)
    log = item.scale == "logarithmic"
    if item.kind == "integer":
        return distributions.IntDistribution(int(item.low), int(item.high), log=log)
    if item.scale == "reverse":
        return distributions.FloatDistribution(1 - item.high, 1 - item.low, log=True)
    return distributions.FloatDistribution(item.low, item.high, log=log)


def _outer(item: Range, value: Any) -> str:
    """Optuna's value as a training job takes it."""
    return str(1 - value if item.kind == "continuous" and item.scale == "reverse" else value)


def _inner(item: Range, text: str) -> Any:
    """A training job's text as Optuna's value."""
    if item.kind == "categorical":
        return text
    if item.kind == "integer":
        return int(float(text))
    return 1 - float(text) if item.scale == "reverse" else float(text)
