"""What a training computes on, and that it can be repeated there."""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy
import torch

from training.environment import TrainingError

GPUS = Path("/proc/driver/nvidia/gpus")  # one entry for each that the driver knows
# What torch.compile builds with: the variable that names it, else what is looked for.
_COMPILERS = {"cpu": ("CXX", "g++"), "cuda": ("CC", "gcc")}
_WITH_GPU = re.compile(r"ml\.(g|p)\d")  # the families of instances with NVIDIA's


def choose(variables: Mapping[str, str]) -> torch.device:
    """The GPU where torch can use one, else the processor.

    Args:
        variables: the container's; of these SM_CURRENT_INSTANCE_TYPE counts.

    Raises:
        TrainingError: the job has an instance with a GPU, which torch cannot use: hours of a
            processor at a GPU's price are not what anybody wants.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    instance = variables.get("SM_CURRENT_INSTANCE_TYPE", "")
    paid = _WITH_GPU.match(instance)
    # On a machine of one's own, a torch that is built for processors is there by choice.
    if any(GPUS.glob("*")) and (paid or torch.version.cuda):
        problem = f"this machine has a GPU that torch {torch.__version__} cannot use: {_reason()}"
        if paid:
            raise TrainingError(
                f"{problem}. Put a torch that is built for this driver's CUDA into the training "
                f"image (CUDA 13 wants driver 580 or newer, CUDA 12 wants 525), or train on a "
                f"processor: choose an instance type without a GPU, such as ml.m5.xlarge, "
                f"instead of {instance}"
            )
        print(f"warning: {problem}; the processor trains, which takes longer", flush=True)
    return torch.device("cpu")


def _reason() -> str:
    """Why there is no CUDA, in torch's own words."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return "torch does not say why"


def require_compiler(device: torch.device, variables: Mapping[str, str]) -> None:
    """Refuse to compile where nothing can, before anything else takes its time.

    Args:
        device: what is compiled for.
        variables: the container's; of these CXX (processor) and CC (GPU) count.

    Raises:
        TrainingError: there is no compiler, as in the slim image.
    """
    variable, usual = _COMPILERS[device.type]
    wanted = variables.get(variable) or usual
    if not shutil.which(wanted):
        raise TrainingError(
            f"compile is true, and torch.compile needs a compiler, but there is no {wanted} here. "
            f"Set compile to false, or put {usual} where the training runs: into its image, or on "
            "this machine"
        )


def be_deterministic(seed: int) -> None:
    """Draw the same random numbers and, on a GPU too, add in the same order.

    Where CUDA has only a way that differs from run to run, torch warns and takes it:
    https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
