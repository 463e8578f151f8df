"""sagemaker_containers.beta.framework: what scripts import of it.

Contract: the package's __init__.py of that name. Its Flask server is not here.
"""

from typing import Any

from sagemaker_inference import transformer
from sagemaker_training import (
    content_types,
    encoders,
    entry_point,
    errors,
    files,
    functions,
    mapping,
    modules,
    params,
    process,
    runner,
)
from sagemaker_training import environment as env
from sagemaker_training import logging_config as logging

from sagemaker_containers.beta import worker

env.TrainingEnv = env.Environment  # its former name

__all__ = [
    "content_types",
    "encoders",
    "entry_point",
    "env",
    "errors",
    "files",
    "functions",
    "logging",
    "mapping",
    "modules",
    "params",
    "process",
    "runner",
    "training_env",
    "transformer",
    "worker",
]


def training_env(**configuration: Any) -> Any:
    """What a training job was given: its hosts, channels and hyperparameters."""
    return env.Environment(**configuration)


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"sagemaker_containers.beta.framework.{name} is not in the emulator's images, which serve "
        f"a script's model_fn, input_fn, predict_fn and output_fn. There are: {', '.join(__all__)}."
    )
