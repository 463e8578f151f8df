"""sagemaker_containers.entry_point: `run` and `install`."""

from sagemaker_training.entry_point import install, run

__all__ = ["install", "run"]
