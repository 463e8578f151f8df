"""Model versions side by side, by the metrics of the evaluation that each was registered with."""

import json
from pathlib import Path

import boto3

from pipelines.serving import comparison
from tests.model_registry.served import Register

GROUP = "tally"
EVALUATION = Path(__file__).parents[2] / "evaluation.json"


def test_versions_are_compared_by_their_test_metrics(
    session: boto3.Session, register: Register
) -> None:
    """One of today, one of an earlier version, and one whose evaluation.json is gone."""
    s3 = session.client("s3")
    s3.create_bucket(Bucket="tally")
    earlier = {
        "multiclass_classification_metrics": {"accuracy": {"value": 0.5}},
        "regression_metrics": {"rmse": {"value": 1.25}},
        "tally": {"within_one_accuracy": 0.9},
    }
    s3.put_object(Bucket="tally", Key="e/1.json", Body=json.dumps(earlier))
    s3.put_object(Bucket="tally", Key="e/2.json", Body=EVALUATION.read_bytes())
    for name in ("1", "2", "gone"):
        register(metrics_url=f"s3://tally/e/{name}.json")
    gone, today, before = comparison.compare(session, GROUP, "tally", [])
    metrics = {"accuracy": 0.5, "within_one_accuracy": 0.9, "rmse": 1.25}
    assert before.as_dict()["metrics"] == metrics
    assert today.as_dict()["metrics"]["macro_f1"] == 0.455
    assert (gone.metrics, gone.serving) == ((), False)
    assert [one.version.version for one in comparison.compare(session, GROUP, "tally", ["1"])] == [
        1
    ]
