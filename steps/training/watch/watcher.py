"""The observer of a training: profiler, tracker and, with debug, tensor hook and rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from training.hyperparameters import Recipe
from training.loop.epoch import Epoch
from training.loop.fitting import Outcome
from training.watch.profiling.profiler import Profile, Profiler
from training.watch.tracking import Tracker

if TYPE_CHECKING:
    from training.watch.tensors import TensorHook


class Watcher:
    """Passes events of the training to the profiler, the tracker and, with debug, the hook."""

    def __init__(
        self, profiler: Profiler, recipe: Recipe, tensors_dir: Path, tracker: Tracker
    ) -> None:
        self.phase = profiler.phase
        self._debug, self._stop_on_issue = recipe.debug, recipe.stop_on_issue
        self._tensors_dir = tensors_dir
        self._tracker = tracker
        self._hook: TensorHook | None = None

    def attach(self, model: nn.Module, criterion: nn.Module, steps: int) -> None:
        """Hook the model and its loss before a training of `steps` steps."""
        if self._debug:
            from training.watch.tensors import TensorHook  # smdebug takes seconds to import

            self._hook = TensorHook(self._tensors_dir, model, criterion, steps)

    def start_training(self) -> None:
        """Training steps follow."""
        if self._hook:
            self._hook.start_training()

    def start_validation(self) -> None:
        """Validation follows."""
        if self._hook:
            self._hook.start_validation()

    def add_epoch(self, epoch: Epoch) -> None:
        """An epoch is finished."""
        with self.phase("tracking"):
            self._tracker.add_epoch(epoch)

    def issue(self) -> str:
        """The first issue that a rule finds, if stop-on-issue is set; else empty."""
        if not (self._hook and self._stop_on_issue):
            return ""
        from training.watch import rules

        with self.phase("rules"):
            verdicts = rules.judge_tensors(
                self._tensors_dir, self._hook.activation_inputs, ended=False
            )
        issues = [verdict for verdict in verdicts if verdict.status == "IssuesFound"]
        return f"{issues[0].rule} found that {issues[0].reason}" if issues else ""

    def judge(self, file: Path, profile: Profile, outcome: Outcome) -> None:
        """Write the verdicts of all rules to a file, and print them as a table."""
        from training.watch import rules

        assert self._hook is not None
        self._hook.close()
        verdicts = rules.judge(
            self._tensors_dir, self._hook.activation_inputs, profile, resumed=outcome.resumed
        )
        if outcome.issue:
            verdicts = rules.add_end(verdicts, len(outcome.history))
        file.write_text(json.dumps([verdict.as_dict() for verdict in verdicts], indent=1))
        print(f"debug rules:\n{rules.table(verdicts)}", flush=True)
