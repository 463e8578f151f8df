"""The device that trains, its arithmetic, and repeatable results on it."""

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
from training.hyperparameters import Precision

GPUS = Path("/proc/driver/nvidia/gpus")  # one entry for each GPU that the driver knows
# The compiler of torch.compile: the environment variable that names it, and the default.
_COMPILERS = {"cpu": ("CXX", "g++"), "cuda": ("CC", "gcc")}
_WITH_GPU = re.compile(r"ml\.(g|p)\d")  # instance families with an NVIDIA GPU


def choose(variables: Mapping[str, str]) -> torch.device:
    """The GPU if torch can use one, else the CPU.

    Args:
        variables: environment; SM_CURRENT_INSTANCE_TYPE is read.

    Raises:
        TrainingError: torch cannot use the GPU of the job's instance. Training on the CPU would
            cost hours at a GPU's price.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    instance = variables.get("SM_CURRENT_INSTANCE_TYPE", "")
    paid_for = _WITH_GPU.match(instance)
    # On a user's own machine, a torch built for CPUs only is there by choice.
    if any(GPUS.glob("*")) and (paid_for or torch.version.cuda):
        problem = f"this machine has a GPU that torch {torch.__version__} cannot use: {_reason()}"
        if paid_for:
            raise TrainingError(
                f"{problem}. Put a torch that is built for this driver's CUDA into the training "
                f"image (CUDA 13 needs driver 580 or newer, CUDA 12 needs 525), or train on the "
                f"CPU: choose an instance type without a GPU, such as ml.m5.xlarge, "
                f"instead of {instance}"
            )
        print(f"warning: {problem}; training on the CPU, which takes longer", flush=True)
    return torch.device("cpu")


def _reason() -> str:
    """Torch's own reason why CUDA is not available."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return "torch gives no reason"


def require_compiler(device: torch.device, variables: Mapping[str, str]) -> None:
    """Check for a compiler before any work starts.

    Args:
        device: the device to compile for.
        variables: environment; CXX (CPU) or CC (GPU) is read.

    Raises:
        TrainingError: there is no compiler, as in the slim image.
    """
    variable, default = _COMPILERS[device.type]
    compiler = variables.get(variable) or default
    if not shutil.which(compiler):
        raise TrainingError(
            f"compile is true, but torch.compile needs a compiler, and {compiler} was not found. "
            f"Set compile to false, or install {default} in the training image or on this machine"
        )


def be_deterministic(seed: int) -> None:
    """Seed every random generator and use deterministic algorithms, on a GPU too.

    Where CUDA has no deterministic algorithm, torch warns and uses another:
    https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """A context in which networks compute in this precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(precision, device))


def uses_bfloat16(precision: Precision, device: torch.device) -> bool:
    """Whether networks compute in bfloat16; `auto` does so on GPUs with native support.

    Older GPUs, such as a T4, only emulate it, without cuDNN and so several times slower.
    """
    if precision != "auto":
        return precision == "bfloat16"
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(native)
