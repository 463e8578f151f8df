"""The hyperparameters of XGBoost's built-in algorithm, checked as AWS's image checks them.

Contract: "XGBoost hyperparameters" of the SageMaker developer guide, and
algorithm_mode/hyperparameter_validation.py of aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any


class UserError(Exception):
    """What is wrong with the job, for whoever made it."""


ALIASES = {
    "learning_rate": "eta",
    "min_split_loss": "gamma",
    "reg_lambda": "lambda",
    "reg_alpha": "alpha",
}
# Those that the algorithm of AWS has and this one does not run, with what to do instead.
_NOT_RUN = {
    "_kfold": "train once for each fold",
    "_num_cv_round": "train once for each fold",
    "use_dask_gpu_training": "leave it out",
}
_WITH_SILENT = ("0.", "1.0.")  # later versions have verbosity alone
Allowed = Callable[[Any], bool]


def _at_least(least: float, most: float = float("inf")) -> Allowed:
    return lambda value: least <= value <= most


def _above(least: float, most: float = float("inf")) -> Allowed:
    return lambda value: least < value <= most


def _one_of(*values: str) -> Allowed:
    return lambda value: value in values


_INTEGERS: dict[str, Allowed] = {
    "num_round": _at_least(1),
    "csv_weights": _at_least(0, 1),
    "early_stopping_rounds": _at_least(1),
    "verbosity": _at_least(0, 3),
    "silent": _at_least(0, 1),
    "nthread": _at_least(1),
    "max_depth": _at_least(0),
    "refresh_leaf": _at_least(0, 1),
    "max_leaves": _at_least(0),
    "max_bin": _at_least(0),
    "one_drop": _at_least(0, 1),
    "num_class": _at_least(2),
    "seed": _at_least(-(2**31) + 1, 2**31 - 2),
    "num_parallel_tree": _at_least(1),
    "prob_buffer_row": _above(1),
}
_NUMBERS: dict[str, Allowed] = {
    "eta": _at_least(0, 1),
    "gamma": _at_least(0),
    "min_child_weight": _at_least(0),
    "max_delta_step": _at_least(0),
    "subsample": _above(0, 1),
    "colsample_bytree": _above(0, 1),
    "colsample_bylevel": _above(0, 1),
    "colsample_bynode": _above(0, 1),
    "lambda": _at_least(0),
    "alpha": _at_least(0),
    "sketch_eps": lambda value: 0 < value < 1,
    "scale_pos_weight": _above(0),
    "rate_drop": _at_least(0, 1),
    "skip_drop": _at_least(0, 1),
    "lambda_bias": _at_least(0, 1),
    "tweedie_variance_power": lambda value: 1 < value < 2,
    "base_score": _at_least(0),
    "aft_loss_distribution_scale": _at_least(0),
}
OBJECTIVES = (
    *("binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax"),
    *("multi:softprob", "rank:pairwise", "rank:ndcg", "rank:map", "reg:linear", "reg:gamma"),
    *("reg:squarederror", "reg:logistic", "reg:pseudohubererror", "reg:squaredlogerror"),
    *("reg:absoluteerror", "reg:tweedie", "survival:aft", "survival:cox"),
)
_TEXTS: dict[str, Allowed] = {
    "booster": _one_of("gbtree", "gblinear", "dart"),
    "tree_method": _one_of("auto", "exact", "approx", "hist", "gpu_hist"),
    "dsplit": _one_of("row", "col"),
    "process_type": _one_of("default", "update"),
    "grow_policy": _one_of("depthwise", "lossguide"),
    "predictor": _one_of("auto", "cpu_predictor", "gpu_predictor"),
    "sample_type": _one_of("uniform", "weighted"),
    "normalize_type": _one_of("tree", "forest"),
    "objective": _one_of(*OBJECTIVES),
    "save_model_on_termination": _one_of("true", "false"),
    "aft_loss_distribution": _one_of("normal", "logistic", "extreme"),
    "deterministic_histogram": _one_of("true", "false"),
    "sampling_method": _one_of("uniform", "gradient_based"),
    "_tuning_objective_metric": lambda value: value.startswith("validation:"),
    "updater": lambda value: bool(value),
}


def check(given: Mapping[str, str], version: str) -> dict[str, Any]:
    """Return the hyperparameters with their types, aliases replaced.

    Args:
        given: As the job has them.
        version: Of XGBoost, such as 1.7.4; `silent` is known before 1.2.

    Raises:
        UserError: One is missing, unknown, of another type or out of its range.
    """
    named = {ALIASES.get(name, name): value for name, value in given.items()}
    if "num_round" not in named:
        raise UserError("Missing required hyperparameter: num_round")
    if "silent" in named and not version.startswith(_WITH_SILENT):
        raise UserError("Extraneous hyperparameter found: silent")
    checked = {name: _checked(name, value) for name, value in named.items()}
    objective = checked.get("objective", "")
    if objective in ("multi:softmax", "multi:softprob") and "num_class" not in checked:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    if "auc" in checked.get("eval_metric", ()) and not objective.startswith(("binary:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    return checked


def _checked(name: str, value: str) -> Any:
    if name in _NOT_RUN and value != "false":
        raise UserError(f"The emulator does not run the hyperparameter {name}: {_NOT_RUN[name]}.")
    parsed: int | float | str
    try:
        if name in _INTEGERS:
            parsed, allowed = int(value), _INTEGERS[name]
        elif name in _NUMBERS:
            parsed, allowed = float(value), _NUMBERS[name]
        elif name in _TEXTS:
            parsed, allowed = value, _TEXTS[name]
        elif name == "eval_metric":
            return [metric.strip() for metric in value.split(",")]
        elif name in ("monotone_constraints", "interaction_constraints"):
            ast.literal_eval(value)
            return value  # as XGBoost reads it
        elif name in _NOT_RUN:
            return value
        else:
            raise UserError(f"Extraneous hyperparameter found: {name}")
    except (ValueError, SyntaxError):
        raise UserError(f"Hyperparameter {name}: could not parse value {value!r}") from None
    if not allowed(parsed):
        raise UserError(f"Hyperparameter {name}: {value} is not in its range")
    return parsed
