"""The test metrics of model versions, side by side."""

import json
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from model_registry.versions import ModelVersion

# Name -> the path to its value in Evaluate's evaluation.json (SageMaker's model-quality format).
METRICS = {
    "accuracy": ("multiclass_classification_metrics", "accuracy", "value"),
    "within one": ("tally", "within_one_accuracy", "value"),
    "rmse": ("regression_metrics", "rmse", "value"),
    "mae": ("regression_metrics", "mae", "value"),
    "macro f1": ("tally", "macro_f1", "value"),
}


def read_metrics(s3: Any, version: ModelVersion) -> dict[str, float]:
    """The metrics of a version, from the statistics that it was registered with.

    A metric that the file does not hold is left out; so are all of them where the file is gone.

    Args:
        s3: A boto3 S3 client.
        version: A version whose `metrics_url` leads to Evaluate's evaluation.json.
    """
    if not version.metrics_url:
        return {}
    url = urlsplit(version.metrics_url)
    try:
        body = s3.get_object(Bucket=url.netloc, Key=url.path.lstrip("/"))["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket", "404"):
            return {}
        raise
    evaluation = json.loads(body)
    found = {name: number(evaluation, path) for name, path in METRICS.items()}
    return {name: value for name, value in found.items() if value is not None}


def number(document: Any, path: tuple[str, ...]) -> float | None:
    """The number at a path; `{"value": n}` and a bare `n` are read alike."""
    for key in path:
        if key == "value" and isinstance(document, int | float):
            break
        if not isinstance(document, dict) or key not in document:
            return None
        document = document[key]
    return float(document) if isinstance(document, int | float) else None
