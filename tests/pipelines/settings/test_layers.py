"""Settings: those in the repository load; a mistake is said with file, key and what is allowed."""

import re
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.settings.layers import FOLDER, SettingsError, load, targets

LOCAL = (FOLDER / "local.yaml").read_text()


@pytest.mark.parametrize("target", targets())
def test_a_target_has_settings_that_resolve(target: str) -> None:
    settings = load(target, {}).resolved("111122223333", {"training": "0123456789abcdef"})
    account = settings.account_id
    assert settings.bucket_name == f"tally-us-east-1-{account}"
    assert settings.role_arn == f"arn:aws:iam::{account}:role/tally-execution"
    registry = f"{account}.dkr.ecr.us-east-1.amazonaws.com"
    assert settings.images.training == f"{registry}/tally-training:0123456789abcdef"


def test_aws_searches_the_ranges_of_the_design() -> None:
    tuning = load("aws", {}).tuning
    assert (tuning.learning_rate.min, tuning.learning_rate.max) == (0.001, 0.1)
    assert (tuning.epochs.min, tuning.epochs.max) == (2, 10)
    assert tuning.batch_sizes == (32, 64, 128, 256, 512)


def test_an_image_of_ones_own_is_kept() -> None:
    settings = load("aws", {"PIPELINE_IMAGES_TRAINING": "registry.example/mine:2"})
    assert settings.resolved("1" * 12, {"training": "0" * 16}).images.training == (
        "registry.example/mine:2"
    )


def test_off_is_a_word_here_though_yaml_reads_no() -> None:
    settings = load("local", {"PIPELINE_TRAINING_LABEL_NOISE": "off"})
    assert settings.training.label_noise == "off"


def test_this_machine_trains_as_one_instance() -> None:
    variable = {"PIPELINE_INSTANCES_TRAINING_COUNT": "2"}
    assert load("aws", variable).instances.training_count == 2
    with pytest.raises(SettingsError, match=r"instances: training_count: this machine is one"):
        load("local", variable)


def test_a_role_of_ones_own_is_kept() -> None:
    arn = "arn:aws:iam::111122223333:role/team/builder"
    assert load("local", {"PIPELINE_ROLE": arn}).resolved("1" * 12, {}).role_arn == arn


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("max_trials: 3", "max_trails: 3", "did you mean max_trials?", id="misspelt"),
        pytest.param("seed: 0", "seed: 0\n  sed: 1", "data.sed: no such key", id="unknown"),
        pytest.param("  seed: 0\n", "", "data.seed: is missing", id="missing"),
        pytest.param("max_trials: 3", "max_trials: three", "valid integer, not 'three'", id="type"),
        pytest.param("max_trials: 3", "max_trials: true", "valid integer, not True", id="strict"),
        pytest.param("max_trials: 3", "max_trials: 0", "greater than or equal to 1", id="range"),
        pytest.param("max: 0.03}", "max: 0.0001}", "needs 0 < min < max", id="order"),
        pytest.param("{min: 2, max: 3}", "5", "tuning.epochs:", id="not-a-section"),
        pytest.param("[16, 32, 64]", "[1, 32]", "greater than or equal to 2", id="batch"),
        pytest.param("[16, 32, 64]", "[32, 32]", "a size stands there twice", id="same-batch"),
        pytest.param("training: ml.m5.large", "training: m5", "instances.training", id="instance"),
        pytest.param(
            "approval_status: PendingManualApproval",
            "approval_status: Ok",
            "'PendingManualApproval', 'Approved' or 'Rejected'",
            id="choice",
        ),
        pytest.param("endpoint: tally", "endpoint: other-team", "endpoint:", id="endpoint"),
        pytest.param('mlflow_uri: ""', "mlflow_uri: here", "tracking.mlflow_uri", id="address"),
        pytest.param("target: local", "target: [", "is not YAML", id="not-yaml"),
        pytest.param(LOCAL, "just words", "must hold keys and values", id="not-a-mapping"),
        pytest.param("  max_trials: 3", "  max_trials: 3\n  max_trials: 4", "twice", id="twice"),
        pytest.param("region:", "? [a]\n: b\nregion:", "is not YAML", id="key"),
    ],
)
def test_a_mistake_in_a_file_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in LOCAL
    file = tmp_path / "mine.yaml"
    file.write_text(LOCAL.replace(old, new, 1))
    with pytest.raises(SettingsError) as caught:
        load(str(file), {})
    assert "mine.yaml" in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"target: \xff")
    with pytest.raises(SettingsError, match=r"mine\.yaml is not a text file in UTF-8"):
        load(str(tmp_path / "mine.yaml"), {})


def test_a_value_is_replaced_from_the_environment() -> None:
    settings = load(
        "local", {"PIPELINE_TUNING_MAX_TRIALS": "7", "PIPELINE_ACCOUNT": "012345678901"}
    )
    assert settings.tuning.max_trials == 7
    assert settings.account == "012345678901"


def test_a_wrong_value_names_its_variable() -> None:
    with pytest.raises(SettingsError, match=r"from \$PIPELINE_TUNING_MAX_TRIALS"):
        load("local", {"PIPELINE_TUNING_MAX_TRIALS": "many"})


def test_a_value_that_is_not_yaml_names_its_variable() -> None:
    with pytest.raises(UserError, match=r"\$PIPELINE_BUCKET is '\{', which is not YAML"):
        load("local", {"PIPELINE_BUCKET": "{"})


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("PIPELINE_TUNING_MAX_TRAILS", "did you mean PIPELINE_TUNING_MAX_TRIALS?"),
        ("PIPELINE_TUNNING_MAX_TRIALS", "did you mean PIPELINE_TUNING_MAX_TRIALS?"),
        ("PIPELINE_DATA_EVERYTHING", "replaces no value of the settings"),
        ("PIPELINE_TUNING", "replaces no value of the settings"),
    ],
)
def test_a_misspelt_variable_does_not_pass_silently(variable: str, meant: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"${variable} replaces no value")) as caught:
        load("local", {variable: "2"})
    assert meant in str(caught.value)


@pytest.mark.parametrize("variable", ["PIPELINE_DEBUG", "PIPELINE_ID", "PIPELINE_VERSION"])
def test_variables_of_others_are_left_alone(variable: str) -> None:
    assert load("local", {variable: "2"}) == load("local", {})


def test_the_target_variable_replaces_nothing() -> None:
    assert load("local", {"PIPELINE_TARGET": "aws"}).target == "local"


@pytest.mark.parametrize(
    ("target", "said"),
    [("locl", "did you mean local?"), ("nowhere.yaml", "no settings file nowhere.yaml")],
)
def test_an_unknown_target_is_said(target: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(target, {})
    assert said in str(caught.value)
