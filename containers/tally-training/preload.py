"""Imports the packages that every job of this image needs, into a process that is kept warm.

Importing this starts no thread and creates no tensor, as forks of the process must be able to do
both.
"""

import importlib.util
import os
from pathlib import Path

os.environ.setdefault("SMDEBUG_LOG_LEVEL", "error")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in steps/network.py
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # no telemetry
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # those of numpy and scipy would start on import

import torch

# As in steps/network.py, which is not available yet.
_torchvision = importlib.util.find_spec("torchvision")
if _torchvision is not None and _torchvision.submodule_search_locations:
    for _library in Path(_torchvision.submodule_search_locations[0]).glob("_C*.so"):
        try:
            torch.ops.load_library(str(_library))
        except OSError:
            continue
for _name in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, _name):
        torch.library.define(
            f"torchvision::{_name}",
            "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        )

import boto3  # noqa: E402, F401
import matplotlib.pyplot  # noqa: E402, F401
import mlflow.store.tracking.sqlalchemy_store  # noqa: E402
import mlflow.store.tracking.sqlalchemy_workspace_store  # noqa: E402
import mlflow.tracking  # noqa: E402, F401
import numpy  # noqa: E402, F401
import PIL.Image  # noqa: E402, F401
import psutil  # noqa: E402, F401
import sklearn.metrics  # noqa: E402, F401
import smdebug.pytorch  # noqa: E402
import smdebug.trials  # noqa: E402, F401
import timm  # noqa: E402, F401
import torchvision  # noqa: E402, F401
