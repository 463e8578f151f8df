"""XGBoost's built-in algorithm: trains as AWS's image does where there is no script.

Contract: algorithm_mode/train.py of aws/sagemaker-xgboost-container. Each round prints
`[0]#011train-rmse:1.00000#011validation-rmse:1.10000`, as the log of a job on AWS has it, where a
tab becomes `#011`. The model is the file `xgboost-model`: a pickled booster in images before 1.3-1;
in later ones what XGBoost saves.
"""

from __future__ import annotations

import inspect
import json
import os
import pickle
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import xgboost

from . import channels, hyperparameters
from .hyperparameters import UserError

MODEL = "xgboost-model"
_CHECKPOINT = "xgboost-checkpoint"
_KEPT_CHECKPOINTS = 5
# Callbacks are classes since XGBoost 1.3; before, they are functions.
_Callback: Any = getattr(xgboost.callback, "TrainingCallback", object)
_BEFORE_1_3 = _Callback is object


def train(root: Path, given: Mapping[str, str]) -> int:
    """Train by the job's configuration below `/opt/ml`; return the container's exit code."""
    try:
        _train(root, given)
    except (UserError, xgboost.core.XGBoostError) as error:
        print(f"train: {error}", file=sys.stderr, flush=True)
        (root / "output/failure").write_text(str(error))
        return 1
    return 0


def _train(root: Path, given: Mapping[str, str]) -> None:
    config = root / "input/config"
    inputs = json.loads((config / "inputdataconfig.json").read_text())
    hosts = json.loads((config / "resourceconfig.json").read_text())["hosts"]
    if len(hosts) > 1:
        raise UserError(
            "The emulator trains XGBoost's built-in algorithm on one instance: InstanceCount 1."
        )
    if "train" not in inputs:
        raise UserError("Missing required channel: train")
    if unknown := inputs.keys() - {"train", "validation", "code"}:
        raise UserError(f"Extraneous channel found: {', '.join(sorted(unknown))}")
    parameters = hyperparameters.check(given, xgboost.__version__)
    kind = channels.format_of(inputs["train"].get("ContentType"))
    weighted = bool(parameters.pop("csv_weights", 0))
    data = {
        name: channels.read(root / "input/data" / name, kind, weighted)
        for name in ("train", "validation")
        if name in inputs
    }
    rows, columns = data["train"].num_row(), data["train"].num_col()
    print(f"Train matrix has {rows} rows and {columns} columns", flush=True)
    if "validation" in data:
        print(f"Validation matrix has {data['validation'].num_row()} rows", flush=True)
    booster = _boost(parameters, data, root)
    _save(booster, root / "model" / MODEL)


def _save(booster: xgboost.Booster, path: Path) -> None:
    """Write a model as the image of this version of XGBoost does."""
    if _BEFORE_1_3:
        path.write_bytes(pickle.dumps(booster, protocol=4))
    else:
        booster.save_model(str(path))


def _boost(
    parameters: dict[str, Any], data: dict[str, xgboost.DMatrix], root: Path
) -> xgboost.Booster:
    rounds, patience = parameters.pop("num_round"), parameters.pop("early_stopping_rounds", None)
    saves = parameters.pop("save_model_on_termination", "false") == "true"
    objective_metric = parameters.pop("_tuning_objective_metric", "").partition(":")[2]
    metrics: list[str] = parameters.pop("eval_metric", [])
    judged = objective_metric or (metrics[-1] if metrics else "")
    if objective_metric and objective_metric not in metrics:
        metrics = sorted({*metrics, objective_metric})
    from . import measures  # only here: with scikit-learn, it takes a second

    own = [metric for metric in metrics if metric in measures.NAMES]
    if built_in := [metric for metric in metrics if metric not in own]:
        parameters["eval_metric"] = built_in
    callbacks: list[Any] = [_Report()]
    start, done = _latest_checkpoint(root / "checkpoints")
    if (root / "checkpoints").is_dir():
        callbacks.append(_Checkpoints(root / "checkpoints", done))
    if saves:
        callbacks.append(_SaveEachRound(root / "model" / MODEL))
        signal.signal(signal.SIGTERM, _end)
    old: dict[str, Any] = {}
    if _BEFORE_1_3:
        callbacks = [_as_function(callback) for callback in callbacks]
        old["early_stopping_rounds"] = patience
    elif patience and judged and "validation" in data:
        callbacks.append(
            xgboost.callback.EarlyStopping(
                rounds=patience,
                data_name="validation",
                metric_name=judged,
                maximize=measures.is_to_be_maximized(judged),
                save_best=True,
            )
        )
    # Versions before 1.6 call it otherwise, and give it raw predictions.
    named = inspect.signature(xgboost.train).parameters
    measure = measures.measuring(own, transformed="custom_metric" in named) if own else None
    return xgboost.train(
        parameters,
        data["train"],
        num_boost_round=max(0, rounds - done),
        evals=[(matrix, name) for name, matrix in data.items()],
        callbacks=callbacks,
        xgb_model=start,
        verbose_eval=False,
        **{"custom_metric" if "custom_metric" in named else "feval": measure},
        **old,
    )


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)  # what was saved after the last round is the model


def _as_function(callback: Any) -> Callable[[Any], None]:
    """A callback for versions before 1.3, which give it a record of the round."""

    def call(round_: Any) -> None:
        log: dict[str, dict[str, list[float]]] = {}
        for name, value in round_.evaluation_result_list:  # such as train-rmse
            data, _, metric = name.partition("-")
            log.setdefault(data, {})[metric] = [value]
        callback.after_iteration(round_.model, round_.iteration, log)

    return call


class _Report(_Callback):  # type: ignore[misc]
    """Prints the metrics of each round."""

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        measured = [
            f"{data}-{metric}:{values[-1]:.5f}"
            for data, metrics in evals_log.items()
            for metric, values in metrics.items()
        ]
        print("#011".join([f"[{epoch}]", *measured]), flush=True)
        return False


class _SaveEachRound(_Callback):  # type: ignore[misc]
    """Keeps a model for a job that is stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        new = self._path.with_name(f".{self._path.name}")
        _save(model, new)
        new.replace(self._path)
        return False


class _Checkpoints(_Callback):  # type: ignore[misc]
    """Keeps the models of the last rounds, `xgboost-checkpoint.N`, as AWS's image names them."""

    def __init__(self, folder: Path, done: int) -> None:
        self._folder, self._next = folder, done

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        number, self._next = self._next, self._next + 1  # epochs of a resumed job begin anew
        new = self._folder / f".{_CHECKPOINT}"
        model.save_model(str(new))
        new.replace(self._folder / f"{_CHECKPOINT}.{number}")
        (self._folder / f"{_CHECKPOINT}.{number - _KEPT_CHECKPOINTS}").unlink(missing_ok=True)
        return False


def _latest_checkpoint(folder: Path) -> tuple[str | None, int]:
    """The file of the last round that was kept, and how many rounds that makes."""
    numbers = [
        int(path.suffix[1:])
        for path in folder.glob(f"{_CHECKPOINT}.*")
        if path.suffix[1:].isdecimal()
    ]
    if not numbers:
        return None, 0
    print(f"Resuming from iteration {max(numbers) + 1}", flush=True)
    return str(folder / f"{_CHECKPOINT}.{max(numbers)}"), max(numbers) + 1
