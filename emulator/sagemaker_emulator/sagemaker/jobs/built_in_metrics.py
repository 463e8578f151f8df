"""The metric definitions that AWS's own images bring, for requests without MetricDefinitions."""

from collections.abc import Mapping
from typing import Any

# "Metrics computed by the XGBoost algorithm" of the SageMaker developer guide, and
# constants/xgb_constants.py of aws/sagemaker-xgboost-container.
_XGBOOST = (
    *("accuracy", "aft-nloglik", "auc", "aucpr", "balanced_accuracy", "cox-nloglik", "error", "f1"),
    *("f1_binary", "f1_macro", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy"),
    *("logloss", "mae", "map", "mape", "merror", "mlogloss", "mphe", "mse", "ndcg"),
    *("poisson-nloglik", "precision", "precision_macro", "precision_micro", "r2", "recall"),
    *("recall_macro", "recall_micro", "rmse", "rmsle", "tweedie-nloglik"),
)


def definitions(request: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """The metric definitions of a training job or of a tuning job's TrainingJobDefinition.

    Args:
        request: With AlgorithmSpecification.

    Returns:
        Those of the request, else those of the image: of `sagemaker-xgboost`, whose log has a line
        such as `[0]#011train-rmse:1.0#011validation-rmse:1.1` for each round.
    """
    algorithm = request.get("AlgorithmSpecification", {})
    if given := algorithm.get("MetricDefinitions"):
        return list(given)
    name = algorithm.get("TrainingImage", "").rsplit("/", 1)[-1].partition(":")[0]
    if name != "sagemaker-xgboost":
        return []
    return [
        {
            "Name": f"{channel}:{metric}",
            "Regex": rf".*\[[0-9]+\].*#011{channel}-{metric}:(-?[0-9.]+|nan|-?inf)",
        }
        for channel in ("train", "validation")
        for metric in _XGBOOST
    ]
