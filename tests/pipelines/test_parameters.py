"""Parameters: every `-p NAME=VALUE` is checked before anything is sent."""

import pytest

from pipelines.parameters import ParameterError, declared, parse
from pipelines.settings.model import Settings


def test_values_have_the_type_of_their_parameter(local: Settings) -> None:
    given = ["MaxTrials=5", "AccuracyThreshold=0.6", "Seed=1", "DataSource=../bins", "Seed=2"]
    assert parse(local, given) == {
        "MaxTrials": 5,
        "AccuracyThreshold": 0.6,
        "Seed": 2,
        "DataSource": "../bins",
    }


def test_defaults_come_from_the_settings(local: Settings, on_aws: Settings) -> None:
    for settings in (local, on_aws):
        defaults = {parameter.name: parameter.default for parameter in declared(settings)}
        assert defaults["Backbone"] == settings.training.backbone
        assert defaults["MaxTrials"] == settings.tuning.max_trials
        assert defaults["EndpointName"] == "tally"
        assert defaults["ApprovedModel"] == f"s3://{settings.bucket_name}/tally/no-model/"


def test_every_default_is_allowed(local: Settings, on_aws: Settings) -> None:
    for settings in (local, on_aws):
        given = [f"{parameter.name}={parameter.default}" for parameter in declared(settings)]
        assert len(parse(settings, given)) == len(given)


def test_an_unknown_name_lists_every_parameter(local: Settings) -> None:
    with pytest.raises(ParameterError) as caught:
        parse(local, ["Colour=red"])
    lines = str(caught.value).splitlines()[2:]
    assert [line.split()[0] for line in lines] == [p.name for p in declared(local)]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("MaxTrials", "takes NAME=VALUE"),
        ("MaxTrails=3", "did you mean MaxTrials?"),
        ("Colour=red", "AccuracyThreshold"),
        ("MaxTrials=x", "a whole number from 1 to"),
        ("MaxTrials=1.5", "a whole number"),
        ("MaxTrials=0", "from 1 to"),
        ("Seed=99999999999", "to 2147483647"),
        ("Classes=0-1000000000", "the last at most 99"),
        ("MaxParallelTrials=99", "above MaxTrials"),
        ("AccuracyThreshold=2", "from 0 to 1"),
        ("AccuracyThreshold=nan", "a number"),
        ("LearningRateMin=0", "above 0"),
        ("LearningRateMin=0.5", "above LearningRateMax"),
        ("EpochsMin=99", "above EpochsMax"),
        ("Classes=5", "FIRST-LAST"),
        ("Classes=5-1", "FIRST-LAST"),
        ("Split=8:1", "8:1:1"),
        ("Split=8:0:1", "positive"),
        ("ImageSize=8", "from 32 to 1024"),
        ("ModelApprovalStatus=Yes", "PendingManualApproval, Approved, Rejected"),
        ("TrainingInstanceType=m5.large", "such as ml.m5.xlarge"),
        ("EndpointName=tally-a_b", "hyphens"),
        ("EndpointName=other-team", "tally or tally-..."),
        ("EndpointName=tally-" + "x" * 58, "up to 63"),
        ("Backbone=", "another name that timm knows."),
        ("Backbone=resnt50", "did you mean resnet50?"),
        ("Backbone=resnet50.a1_in2k", "did you mean resnet50.a1_in1k?"),
        ("Backbone=efficientnet-lite0", "did you mean efficientnet_lite0?"),
        ("DataSource=", "local folder"),
        ("FileList=", "or none"),
        ("AuditSource=https://desk/audits", "s3:// prefix"),
        ("AuditSource=", "or none"),
        ("AuditVersion=a b", "letters, digits"),
        ("DataVersion=", "letters, digits"),
        ("DataSource=https://example.com", "s3:// prefix"),
        ("DataSource=s3://bins/(new)", "at most 256 letters"),
        ("DataSource=s3://bins/" + "x" * 250, "at most 256 letters"),
        ("ApprovedModel=model.tar.gz", "an s3:// address"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(
    local: Settings, argument: str, message: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        parse(local, [argument])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [["EpochsMin=10"], ["LearningRateMin=0.03", "LearningRateMax=0.03"]],
    ids=["epochs", "rate"],
)
def test_a_range_of_one_value_is_refused_on_aws(
    local: Settings, on_aws: Settings, given: list[str]
) -> None:
    with pytest.raises(ParameterError, match=r"are both (10|0\.03), .* two different values"):
        parse(on_aws, given)
    assert parse(local, [*given, "EpochsMax=10"])
