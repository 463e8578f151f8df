"""Describe shows what SageMaker fills in where a request leaves it out."""

import copy
from pathlib import Path
from typing import Any

import pytest
from fuzz import RIGHT
from local_context import local_context

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.defaults import Whole, fill


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    (tmp_path / "s3" / "bucket" / "a").write_text("x")
    return local_context(tmp_path)


def create(context: Context, noun: str, **more: Any) -> dict[str, Any]:
    name = {f"{noun}Name": "a"}
    context.call(f"Create{noun}", **{**copy.deepcopy(RIGHT[f"Create{noun}"]), **name, **more})
    return context.call(f"Describe{noun}", **name)


def test_defaults_fill_only_what_is_missing() -> None:
    defaults = {"A": 1, "B": {"C": 2}, "D": {"E": 3}, "F": Whole(G=4)}
    filled = fill({"A": 0, "B": [{"C": 5}, {"X": 6}]}, defaults)
    assert filled == {"A": 0, "B": [{"C": 5}, {"X": 6, "C": 2}], "F": {"G": 4}}
    assert fill({"D": {}, "F": {"H": 1}}, defaults)["F"] == {"H": 1, "G": 4}


def test_model_has_its_defaults(context: Context) -> None:
    described = create(context, "Model")
    assert described["EnableNetworkIsolation"] is False
    assert described["PrimaryContainer"]["Mode"] == "SingleModel"
    variants = create(context, "EndpointConfig")["ProductionVariants"]
    assert variants[0]["InitialVariantWeight"] == 1.0


def test_jobs_have_their_defaults(context: Context) -> None:
    training = create(context, "TrainingJob")
    for member in ("NetworkIsolation", "InterContainerTrafficEncryption", "ManagedSpotTraining"):
        assert training[f"Enable{member}"] is False
    assert training["InputDataConfig"][0]["RecordWrapperType"] == "None"
    assert training["OutputDataConfig"]["KmsKeyId"] == ""

    processing = create(context, "ProcessingJob")
    assert processing["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert processing["ProcessingInputs"][0]["AppManaged"] is False
    s3_input = processing["ProcessingInputs"][0]["S3Input"]
    assert s3_input["S3DataDistributionType"] == "FullyReplicated"

    create(context, "Model")
    transform = create(context, "TransformJob")
    assert transform["TransformInput"]["SplitType"] == "None"
    assert transform["TransformInput"]["CompressionType"] == "None"
    assert transform["TransformOutput"]["AssembleWith"] == "None"
    assert transform["DataProcessing"] == {
        "InputFilter": "$",
        "OutputFilter": "$",
        "JoinSource": "None",
    }


@pytest.mark.parametrize("noun", ["Pipeline", "ModelPackageGroup"])
def test_user_is_shown(context: Context, noun: str) -> None:
    described = create(context, noun)
    arn = "arn:aws:sts::123456789012:assumed-role/emulator/emulator"
    assert described["CreatedBy"]["IamIdentity"]["Arn"] == arn


def test_training_without_data_is_refused_at_the_call(context: Context) -> None:
    request = copy.deepcopy(RIGHT["CreateTrainingJob"])
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://bucket/none/"
    message = (
        'ValidationException: No S3 objects found under S3 URL "s3://bucket/none/" given in input'
    )
    with pytest.raises(ApiError, match=message):
        context.call("CreateTrainingJob", **{**request, "TrainingJobName": "t"})
    assert context.call("ListTrainingJobs")["TrainingJobSummaries"] == []
