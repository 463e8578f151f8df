"""The test metrics of model versions, side by side."""

import json
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from model_registry import endpoint as endpoints
from model_registry.versions import ModelVersion
from pipelines.serving.package_group import find, list_versions, parse_version

# Name -> the path to its value in Evaluate's evaluation.json (SageMaker's model-quality format).
METRICS = {
    "accuracy": ("multiclass_classification_metrics", "accuracy", "value"),
    "within one": ("tally", "within_one_accuracy", "value"),
    "rmse": ("regression_metrics", "rmse", "value"),
    "mae": ("regression_metrics", "mae", "value"),
    "macro f1": ("tally", "macro_f1", "value"),
}


@dataclass(frozen=True)
class Compared:
    """A version, its test metrics, and whether the endpoint serves it."""

    version: ModelVersion
    metrics: dict[str, float]
    serving: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self.version), "metrics": self.metrics, "serving": self.serving}


def compare(session: Any, group: str, endpoint: str, chosen: list[str]) -> list[Compared]:
    """Versions side by side, newest first.

    Args:
        session: A boto3 session.
        group: The model package group.
        endpoint: The endpoint that may be serving one of them.
        chosen: The numbers of the versions to compare; all of them when empty.

    Raises:
        RegistryError: There is no such group or no such version.
    """
    client, s3 = session.client("sagemaker"), session.client("s3")
    versions = (
        [find(client, group, parse_version(text)) for text in chosen]
        if chosen
        else list_versions(client, group)
    )
    current = endpoints.read(client, endpoint)
    served = current.model.package if current else ""
    return [Compared(v, read_metrics(s3, v), v.arn == served) for v in versions]


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
