"""Saves tensors for the debug rules, by an smdebug hook on the model in training."""

from __future__ import annotations

import logging
import os
import re
import shutil
import warnings
from pathlib import Path

from torch import nn

# smdebug reads this when first imported; by default it logs every parameter.
os.environ.setdefault("SMDEBUG_LOG_LEVEL", "error")
# Seconds that a trial waits for more tensors after the end of the training: here none can follow.
os.environ.setdefault("SMDEBUG_TRAINING_END_DELAY_REFRESH", "0")

with warnings.catch_warnings():
    # Python 3.12 warns about its regular expressions when it first compiles them.
    warnings.simplefilter("ignore", SyntaxWarning)
    from smdebug.core.access_layer.utils import END_OF_JOB_FILENAME
    from smdebug.core.modes import ModeKeys
    from smdebug.core.reduction_config import ReductionConfig
    from smdebug.core.save_config import SaveConfig, SaveConfigMode
    from smdebug.pytorch import Hook

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Hardswish)
WATCHED = 12  # layers, spread from the first to the last
LARGEST = 400_000  # numbers in a gradient; saving larger ones would slow the training down
FIRST = 10  # first steps, all saved: PoorWeightInitialization reads them
NEVER = 10**9
FURTHER = 15  # steps saved in addition, spread over the training


class TensorHook:
    """Saves the loss of every batch, and gradients and activation inputs of some batches.

    Attributes:
        folder: of the tensors; smdebug can read it as a trial after `close`.
        activation_inputs: pattern of the saved tensors that are inputs of activation functions.
    """

    def __init__(self, folder: Path, model: nn.Module, criterion: nn.Module, steps: int) -> None:
        """Hook the model and its loss.

        Args:
            folder: emptied first; smdebug refuses one with an earlier run.
            model: the model to train.
            criterion: a loss module of torch.
            steps: number of training steps.
        """
        # Keep smdebug's messages out of the training log, even if it was imported before.
        logging.getLogger("smdebug").setLevel(logging.ERROR)
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder
        inputs, gradients = _watched(model)
        self.activation_inputs = "|".join(f"^{re.escape(name)}_input_" for name in inputs) or "$^"

        every = SaveConfig(save_interval=1)
        self._hook = Hook(
            out_dir=str(folder),
            save_config=every,
            include_collections=["losses", "gradients", "relu_input"],
        )
        saved = self._hook.get_collection("gradients")
        saved.include_regex = [f"^gradient/[^.]*_{re.escape(name)}$" for name in gradients]
        saved.save_config = _in_training(_save_steps(steps))
        saved = self._hook.get_collection("relu_input")
        saved.include(self.activation_inputs)
        saved.save_config = _in_training(list(range(FIRST)))
        saved.reduction_config = ReductionConfig(reductions=["mean", "variance"])
        self._hook.register_module(model)
        self._hook.register_loss(criterion)

    def start_training(self) -> None:
        """Training steps follow."""
        self._hook.set_mode(ModeKeys.TRAIN)

    def start_validation(self) -> None:
        """Validation follows."""
        self._hook.set_mode(ModeKeys.EVAL)

    def close(self) -> None:
        """Write the remaining tensors and mark the end, without which a trial waits for more.

        In a SageMaker job smdebug leaves the mark to the service, which runs other rules.
        """
        self._hook.close()
        (self.folder / END_OF_JOB_FILENAME).touch()


def _in_training(steps: list[int]) -> SaveConfig:
    """Save at these training steps, and never in validation."""
    never = {mode: SaveConfigMode(start_step=NEVER) for mode in ModeKeys}
    training = SaveConfigMode(save_steps=steps, save_interval=NEVER, start_step=NEVER)
    return SaveConfig({**never, ModeKeys.TRAIN: training})


def _watched(model: nn.Module) -> tuple[list[str], list[str]]:
    """Names of activation modules and of weights, evenly spread over the depth of the model."""
    inputs = [name for name, module in model.named_modules() if isinstance(module, ACTIVATIONS)]
    weights = [
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.numel() <= LARGEST
    ]
    return _spread(inputs), _spread(weights)


def _spread(names: list[str]) -> list[str]:
    if len(names) <= WATCHED:
        return names
    last = len(names) - 1
    return [names[round(index * last / (WATCHED - 1))] for index in range(WATCHED)]


def _save_steps(steps: int) -> list[int]:
    return sorted({*range(min(FIRST, steps)), *(steps * i // FURTHER for i in range(FURTHER))})
