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


def test_a_version_tells_its_counts_its_data_and_how_it_was_trained(
    session: boto3.Session, register: Register
) -> None:
    """From its metadata; of an earlier version from its evaluation and its execution."""
    s3, client = session.client("s3"), session.client("sagemaker")
    s3.create_bucket(Bucket="tally")
    training = {"training_images": 180, "hyperparameters": {"lr": 0.012, "image-size": 128}}
    s3.put_object(Bucket="tally", Key="e/evaluation.json", Body=EVALUATION.read_bytes())
    s3.put_object(Bucket="tally", Key="e/training.json", Body=json.dumps(training))
    definition = '{"Version": "2020-12-01", "Steps": []}'
    role = "arn:aws:iam::123456789012:role/tally-execution"
    client.create_pipeline(
        PipelineName=GROUP, RoleArn=role, PipelineDefinition=definition, ClientRequestToken="x" * 32
    )
    execution = client.start_pipeline_execution(
        PipelineName=GROUP,
        ClientRequestToken="x" * 32,
        PipelineParameters=[{"Name": "ApprovedModel", "Value": "s3://tally/1/model.tar.gz"}],
    )["PipelineExecutionArn"]
    register(metrics_url="s3://tally/e/evaluation.json")
    register(
        metrics_url="s3://tally/e/evaluation.json",
        classes="0-6+",
        data_source="s3://aft-vbi-pds/",
        data_version="2026-11",
        backbone="resnet18",
        execution=execution,
    )
    today, earlier = comparison.compare(session, GROUP, "tally", [])
    assert (today.classes, today.data, today.data_version) == ("0-6+", "aft-vbi-pds", "2026-11")
    assert (today.training_images, today.compared_model) == (180, "s3://tally/1/model.tar.gz")
    assert today.facts()["network"] == "resnet18, 128 px"
    assert today.facts()["training"] == "lr 0.012"
    assert today.as_dict()["hyperparameters"] == training["hyperparameters"]
    assert (earlier.classes, earlier.data, earlier.compared_model) == ("1-3", "", "")
