"""Settings: each layer replaces the one before, and a mistake is reported with what is allowed."""

import re
from pathlib import Path

import pytest
import yaml

from pipelines.errors import UserError
from pipelines.settings.layers import FIELDS, FOLDER, SettingsError, _flat, load, targets


@pytest.fixture
def my_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file of one's own, `my.yaml` in the current directory."""
    monkeypatch.chdir(tmp_path)
    return Path("my.yaml")


@pytest.mark.parametrize("target", targets())
def test_a_target_has_settings_that_resolve(target: str) -> None:
    settings = load(target, {}).resolved("111122223333", {"training": "0123456789abcdef"})
    account = settings.account_id
    assert settings.bucket_name == f"tally-us-east-1-{account}"
    assert settings.role_arn == f"arn:aws:iam::{account}:role/tally-execution-us-east-1"
    registry = f"{account}.dkr.ecr.us-east-1.amazonaws.com"
    assert settings.images.training == f"{registry}/tally-training:0123456789abcdef"


def test_the_targets_files_hold_exactly_the_settings_that_differ() -> None:
    required = {key for key, field in FIELDS.items() if field.is_required()}
    for target in targets():
        values = yaml.safe_load((FOLDER / f"{target}.yaml").read_text())
        assert {key for key, _ in _flat(values)} == required


def test_aws_searches_the_ranges_of_the_design() -> None:
    tuning = load("aws", {}).tuning
    assert (tuning.learning_rate.min, tuning.learning_rate.max) == (0.001, 0.1)
    assert (tuning.epochs.min, tuning.epochs.max) == (2, 10)
    assert tuning.batch_sizes == (32, 64, 128, 256, 512)


@pytest.mark.parametrize(
    ("text", "base", "max_trials"),
    [
        ("tuning: {max_trials: 6}", "local", 6),
        ("tuning.max_trials: 6", "local", 6),
        ("target: local\ntuning: {max_trials: 6}", "local", 6),
        ("target: aws\ntuning: {max_trials: 6}", "aws", 6),
        ("target: aws", "aws", 8),
    ],
    ids=["one-line", "dotted", "local", "aws", "target-only"],
)
def test_a_file_changes_only_what_it_names(
    my_file: Path, text: str, base: str, max_trials: int
) -> None:
    my_file.write_text(text)
    expected = load(base, {})
    tuning = expected.tuning.model_copy(update={"max_trials": max_trials})
    assert load("my.yaml", {}) == expected.model_copy(update={"tuning": tuning})


def test_one_end_of_a_range_can_be_changed(my_file: Path) -> None:
    my_file.write_text("tuning: {learning_rate: {max: 0.01}}")
    rates = load("my.yaml", {}).tuning.learning_rate
    assert (rates.min, rates.max) == (0.002, 0.01)


def test_a_variable_replaces_a_value_of_the_file(my_file: Path) -> None:
    my_file.write_text("tuning: {max_trials: 6}")
    assert load("my.yaml", {"PIPELINE_TUNING_MAX_TRIALS": "7"}).tuning.max_trials == 7


def test_an_image_of_ones_own_is_kept() -> None:
    settings = load("aws", {"PIPELINE_IMAGES_TRAINING": "registry.example/mine:2"})
    assert settings.resolved("1" * 12, {"training": "0" * 16}).images.training == (
        "registry.example/mine:2"
    )


def test_a_role_of_ones_own_is_kept() -> None:
    arn = "arn:aws:iam::123456789012:role/team/builder"
    assert load("local", {"PIPELINE_ROLE": arn}).resolved("1" * 12, {}).role_arn == arn


def test_off_needs_no_quotes_though_yaml_reads_it_as_false(my_file: Path) -> None:
    my_file.write_text("target: aws\ntraining: {label_noise: off}")
    assert load("my.yaml", {}).training.label_noise == "off"


def test_bounds_of_scaling_must_be_in_order(my_file: Path) -> None:
    my_file.write_text("scaling: {min: 3, max: 2}")
    with pytest.raises(
        SettingsError, match=r"scaling in my.yaml: min \(3\) must not be above max \(2\)"
    ):
        load("my.yaml", {})
    my_file.write_text("scaling: {min: 3, max: 0}")
    assert load("my.yaml", {}).scaling.max == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scaling: {max: 2}", "scaling.*no instances to scale"),
        ("capture: {percent: 5}", "capture.*captures nothing"),
        ("security: {subnets: [subnet-0a], security_groups: [sg-0a]}", "security.*in subnets"),
    ],
)
def test_what_a_serverless_endpoint_cannot_have_is_refused(
    my_file: Path, text: str, message: str
) -> None:
    my_file.write_text(f"target: aws\ninstances: {{serverless: {{memory_mb: 2048}}}}\n{text}")
    with pytest.raises(SettingsError, match=message + r".*instances\.serverless\.memory_mb: 0"):
        load("my.yaml", {})


def test_a_burstable_instance_is_not_scaled(my_file: Path) -> None:
    my_file.write_text("instances: {inference: ml.t2.medium}\nscaling: {max: 2}")
    with pytest.raises(SettingsError, match=r"scaling.*ml\.t2\.medium.*max: 0"):
        load("my.yaml", {})


def test_several_instances_are_refused_on_this_machine() -> None:
    variable = {"PIPELINE_INSTANCES_TRAINING_COUNT": "2"}
    assert load("aws", variable).instances.training_count == 2
    with pytest.raises(SettingsError, match=r"in \$PIPELINE_INST.*training_count must be 1"):
        load("local", variable)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("tuning: {max_trails: 3}", "did you mean tuning.max_trials?", id="misspelt"),
        pytest.param("tunning: {max_trials: 3}", "did you mean tuning.max_trials?", id="section"),
        pytest.param("max_trials: 3", "did you mean tuning.max_trials?", id="outside-its-section"),
        pytest.param("reigon: x", "did you mean region?", id="misspelt-at-the-top"),
        pytest.param(
            "tuning: {epochs: {mim: 3}}", "did you mean tuning.epochs.min?", id="misspelt-range"
        ),
        pytest.param("data: {sed: 1}", "Allowed in data: source, further,", id="unknown"),
        pytest.param(
            "quality: {books_wrong: 0.1}", "now called quality.record_error_rate", id="renamed"
        ),
        pytest.param("tuning: {epochs: 5}", "a section with the keys min, max", id="no-section"),
        pytest.param(
            "tuning: {max_trials: three}", "'three' is not allowed. Allowed: a whole", id="type"
        ),
        pytest.param("tuning: {max_trials: true}", "True is not allowed", id="strict"),
        pytest.param("tuning: {max_trials: 0}", "a whole number from 1", id="range"),
        pytest.param("tuning: {max_trials: 0}", "(Training jobs that", id="description"),
        pytest.param("data: {seed: 99999999999}", "to 2147483647", id="seed"),
        pytest.param(
            "tuning: {learning_rate: {max: 0.0001}}", "min (0.002) must be below", id="order"
        ),
        pytest.param("tuning: {learning_rate: {max: 2}}", "at most 1", id="rate"),
        pytest.param("tuning: {epochs: {min: 9}}", "must not be above max (3)", id="epochs"),
        pytest.param("tuning: {batch_sizes: [1, 32]}", "whole numbers from 2", id="batch"),
        pytest.param("tuning: {batch_sizes: [32, 32]}", "different whole numbers", id="same-batch"),
        pytest.param("instances: {training: m5}", "instances.training in my.yaml", id="instance"),
        pytest.param("data: {classes: 5-1}", "FIRST-LAST", id="classes"),
        pytest.param("data: {split: 8:1:1}", "in quotes", id="split-without-quotes"),
        pytest.param(
            "quality: {approval_status: Ok}",
            "one of PendingManualApproval, Approved, Rejected",
            id="choice",
        ),
        pytest.param("endpoint: other-team", "tally or tally-...", id="endpoint"),
        pytest.param("account: 123", "twelve digits", id="account"),
        pytest.param("tracking: {mlflow_uri: here}", "tracking.mlflow_uri in my", id="address"),
        pytest.param("target: asw", "one of local, aws", id="target"),
        pytest.param("target: [", "is not YAML", id="not-yaml"),
        pytest.param("just words", "must have keys and values", id="not-a-mapping"),
        pytest.param("", "must have keys and values", id="empty"),
        pytest.param("tuning: {max_trials: 3, max_trials: 4}", "given twice", id="twice"),
        pytest.param("? [a]\n: b", "is not YAML", id="key"),
    ],
)
def test_a_mistake_in_a_file_is_reported(my_file: Path, text: str, message: str) -> None:
    my_file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load("my.yaml", {})
    assert "my.yaml" in str(caught.value)
    assert message in str(caught.value)


def test_every_mistake_is_reported_at_once(my_file: Path) -> None:
    my_file.write_text("data: {classes: 5-1, split: even}")
    with pytest.raises(SettingsError, match=r"(?s)data\.classes in .*data\.split in "):
        load("my.yaml", {})


def test_a_file_that_is_not_text_is_refused(my_file: Path) -> None:
    my_file.write_bytes(b"target: \xff")
    with pytest.raises(SettingsError, match=r"my\.yaml is not a text file in UTF-8"):
        load("my.yaml", {})


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("PIPELINE_TUNING_MAX_TRIALS", "7", "tuning.max_trials", 7),
        ("PIPELINE_ACCOUNT", "012345678901", "account", "012345678901"),
        ("PIPELINE_DATA_SPLIT", "7:2:1", "data.split", "7:2:1"),
        ("PIPELINE_TUNING_BATCH_SIZES", "[32]", "tuning.batch_sizes", (32,)),
        ("PIPELINE_TRAINING_PRETRAINED", "", "training.pretrained", ""),
        ("PIPELINE_BUCKET", "null", "bucket", None),
        ("PIPELINE_TRAINING_LABEL_NOISE", "off", "training.label_noise", "off"),
    ],
    ids=["number", "account", "text", "list", "empty", "null", "off"],
)
def test_a_variable_replaces_a_value(variable: str, text: str, key: str, value: object) -> None:
    settings: object = load("aws", {variable: text})
    for name in key.split("."):
        settings = getattr(settings, name)
    assert settings == value


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PIPELINE_TUNING_MAX_TRIALS", "many"),
        ("PIPELINE_TUNING_BATCH_SIZES", "[32"),
        ("PIPELINE_BUCKET", "{"),
    ],
)
def test_a_value_that_is_not_allowed_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"in \${variable}: '{re.escape(value)}' is not"):
        load("local", {variable: value})


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("PIPELINE_TUNING_MAX_TRAILS", "did you mean PIPELINE_TUNING_MAX_TRIALS?"),
        ("PIPELINE_TUNNING_MAX_TRIALS", "did you mean PIPELINE_TUNING_MAX_TRIALS?"),
        ("PIPELINE_DATA_EVERYTHING", "replaces no setting"),
        ("PIPELINE_TUNING", "replaces no setting"),
        ("PIPELINE_QUALITY_BOOKS_WRONG", "now called $PIPELINE_QUALITY_RECORD_ERROR_RATE"),
    ],
)
def test_a_misspelt_variable_is_refused(variable: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"${variable} ")) as caught:
        load("local", {variable: "2"})
    assert message in str(caught.value)


@pytest.mark.parametrize("variable", ["PIPELINE_DEBUG", "PIPELINE_ID", "PIPELINE_VERSION"])
def test_variables_of_other_programs_are_ignored(variable: str) -> None:
    assert load("local", {variable: "2"}) == load("local", {})


def test_the_target_variable_replaces_no_setting() -> None:
    assert load("local", {"PIPELINE_TARGET": "aws"}).target == "local"


@pytest.mark.parametrize(
    ("target", "message"),
    [("locl", "did you mean local?"), ("nowhere.yaml", "no settings file nowhere.yaml")],
)
def test_an_unknown_target_is_refused(target: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(target, {})
    assert message in str(caught.value)
