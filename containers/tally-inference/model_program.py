"""A model's program: the four functions of SageMaker's serving contract, and the loaded model.

As in AWS's toolkits, a function that takes one more argument gets the request's context. A program
may allow that requests are joined, by `MAX_BATCH = N`: then its input_fn returns a list, its
predict_fn (without a context) takes a list of up to N items from several requests and returns a
list of the same length, and its output_fn gets the part of one request. Without it, requests are
predicted one by one.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from batching import Batcher
from starlette.responses import Response

FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn")

log = logging.getLogger("serve")


class StartError(Exception):
    """The model cannot be served; the message says why."""


@dataclass(frozen=True)
class Context:
    """What a function may read of the request, by the method names of AWS's model servers."""

    headers: dict[str, str]

    def get_all_request_header(self, index: int) -> dict[str, str]:
        """Return the request's headers; `index` is 0, as each request is decoded by itself."""
        return self.headers

    def get_request_header(self, index: int, key: str) -> str | None:
        """Return one header of the request, by name in any case."""
        return self.headers.get(key.lower())


@dataclass(frozen=True)
class Program:
    """A program's module and the model that it has loaded."""

    module: ModuleType
    model: Any

    @property
    def joins(self) -> bool:
        """Whether it takes several requests at once."""
        return getattr(self.module, "MAX_BATCH", 1) > 1

    def decode(self, body: bytes, content_type: str | None, context: Context) -> Any:
        """Run input_fn."""
        return _call(self.module.input_fn, context, body, content_type)

    def encode(self, prediction: Any, accept: str | None, context: Context) -> Response:
        """Run output_fn."""
        answer = _call(self.module.output_fn, context, prediction, accept)
        content, kind = answer if isinstance(answer, tuple) else (answer, accept)
        return Response(content, media_type=kind or "application/json")

    def batcher(self) -> Batcher:
        """Return what runs predict_fn, for requests joined or one by one."""
        module, model = self.module, self.model
        if self.joins:
            return Batcher(lambda items: module.predict_fn(items, model), module.MAX_BATCH)
        return Batcher(lambda item: _call(module.predict_fn, item[1], item[0], model))


def load() -> Program:
    """Import the program and load its model.

    Raises:
        StartError: There is no model or no program, it lacks a function, or it cannot load.
    """
    model_dir = Path(os.environ.get("OPT_ML", "/opt/ml"), "model")
    code = Path(os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", model_dir / "code"))
    file = code / os.environ.get("SAGEMAKER_PROGRAM", "inference.py")
    if not file.is_file():
        raise StartError(
            f"no program at {file}; put it into the model's archive, or set SAGEMAKER_PROGRAM and "
            "SAGEMAKER_SUBMIT_DIRECTORY to where it is"
        )
    sys.path.insert(0, str(file.parent))
    os.environ.setdefault("OMP_NUM_THREADS", str(cores()))  # before torch is imported
    started = time.monotonic()
    module = importlib.import_module(file.stem)
    missing = [name for name in FUNCTIONS if not hasattr(module, name)]
    if missing:
        raise StartError(f"{file} lacks {', '.join(missing)}; needed: {', '.join(FUNCTIONS)}")
    if getattr(module, "MAX_BATCH", 1) > 1 and _takes_context(module.predict_fn, 2):
        raise StartError(
            f"{file} has MAX_BATCH, and its predict_fn takes a context, but joined requests have "
            "no common one; let predict_fn take a list and the model, or remove MAX_BATCH"
        )
    model = _call(module.model_fn, Context({}), str(model_dir))
    log.info("loaded %s in %.1f s", model_dir, time.monotonic() - started)
    return Program(module, model)


def cores() -> int:
    """Return the cores of this process: a container often has fewer than the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _call(function: Callable[..., Any], context: Context, *arguments: Any) -> Any:
    if _takes_context(function, len(arguments)):
        return function(*arguments, context)
    return function(*arguments)


@functools.cache  # the inspection takes longer than many an output_fn
def _takes_context(function: Callable[..., Any], arguments: int) -> bool:
    return len(inspect.signature(function).parameters) == arguments + 1
