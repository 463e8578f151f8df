"""What watches a training: the profiler, the tracker and, with debug, the tensor hook and rules."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from training.loop import fitting
from training.loop.progress import Epoch
from training.watch import tracking
from training.watch.profiling import profiler as profile

if TYPE_CHECKING:
    from training.watch.tensors import TensorHook


class Watcher:
    """Hands what the training tells to the profiler, the tracker and, with debug, the hook."""

    def __init__(
        self,
        profiler: profile.Profiler,
        options: argparse.Namespace,
        folder: Path,
        tracker: tracking.Tracker,
    ) -> None:
        self.phase = profiler.phase
        self._debug: bool = options.debug
        self._stop_on_issue: bool = options.stop_on_issue
        self._folder = folder
        self._tracker = tracker
        self._hook: TensorHook | None = None

    def attach(self, model: nn.Module, criterion: nn.Module, steps: int) -> None:
        """Hook the model and its loss, which will be trained for so many steps."""
        if self._debug:
            from training.watch.tensors import TensorHook  # smdebug takes seconds to import

            self._hook = TensorHook(self._folder, model, criterion, steps)

    def training(self) -> None:
        """What follows is training."""
        if self._hook:
            self._hook.training()

    def validating(self) -> None:
        """What follows is validation."""
        if self._hook:
            self._hook.validating()

    def reached(self, epoch: Epoch) -> None:
        """An epoch is done."""
        with self.phase("tracking"):
            self._tracker.epoch(epoch)

    def issue(self) -> str:
        """What the training must end for, by setting: a rule's finding."""
        if not (self._hook and self._stop_on_issue):
            return ""
        from training.watch import rules

        with self.phase("rules"):
            verdicts = rules.judge_tensors(self._folder, self._hook.activation_inputs, ended=False)
        found = [verdict for verdict in verdicts if verdict.status == "IssuesFound"]
        return f"{found[0].rule} found that {found[0].reason}" if found else ""

    def judge(self, file: Path, measured: profile.Profile, outcome: fitting.Outcome) -> None:
        """Write every rule's verdict, and print them as a table."""
        from training.watch import rules

        assert self._hook is not None
        self._hook.close()
        verdicts = rules.judge(
            self._folder, self._hook.activation_inputs, measured, resumed=outcome.resumed
        )
        if outcome.issue:
            verdicts = rules.ended_by(verdicts, len(outcome.history))
        file.write_text(json.dumps([verdict.as_dict() for verdict in verdicts], indent=1))
        print(f"debug rules:\n{rules.table(verdicts)}", flush=True)
