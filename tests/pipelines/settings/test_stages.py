"""The layer of the stage: on AWS, what dev, staging and prod differ in, and who may replace it."""

import shutil
from pathlib import Path

import pytest
import yaml

import pipeline
from pipelines.root import ROOT
from pipelines.settings import layers
from pipelines.settings.layers import FIELDS, FOLDER, STAGE_FILES, SettingsError, _flat, load
from pipelines.settings.listing import settings
from pipelines.settings.model import Settings
from pipelines.settings.names import STAGES


def of(stage: str, **variables: str) -> Settings:
    return load("aws", {"PIPELINE_STAGE": stage, **variables})


def written(stage: str) -> dict[str, object]:
    """What the stage's file says, by dotted key."""
    return dict(_flat(yaml.safe_load((FOLDER / STAGE_FILES[stage]).read_text())))


@pytest.fixture
def my_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file of one's own, `my.yaml` in the current directory."""
    monkeypatch.chdir(tmp_path)
    return Path("my.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder of the settings' files, to be changed."""
    copy = tmp_path / "settings"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(layers, "FOLDER", copy)
    return copy


def test_dev_costs_nothing_by_the_hour_and_little_by_the_run() -> None:
    dev = of("dev")
    assert dev.instances.serverless.memory_mb == 3072
    assert (dev.instances.processing, dev.instances.evaluation) == ("ml.m5.large", "ml.m5.large")
    assert (dev.data.subset_size, dev.tuning.max_trials, dev.tuning.epochs.max) == (1000, 2, 3)
    assert dev.training.max_hours == 1
    assert (dev.rollout.type, dev.rollout.bake) == ("all_at_once", 120)
    assert (dev.watch.schedule, dev.capture.percent, dev.scaling.max) == ("", 0, 0)
    assert dev.security.log_days == 7


def test_staging_deploys_as_production_and_trains_on_less() -> None:
    staging, prod = of("staging"), of("prod")
    same = {"bake": staging.rollout.bake}
    assert prod.rollout.model_copy(update=same) == staging.rollout
    assert staging.instances == prod.instances
    assert staging.capture == prod.capture
    assert staging.data.subset_size < prod.data.subset_size
    assert staging.tuning.max_trials < prod.tuning.max_trials
    assert (staging.watch.schedule, staging.scaling.max) == ("", 0)
    assert staging.security.log_days == 30


def test_prod_is_guarded_watched_and_scaled() -> None:
    prod = load("aws", {})  # the default
    assert (prod.rollout.type, prod.rollout.bake) == ("canary", 600)
    assert prod.rollout.alarms == ("errors", "latency", "self-test")
    assert prod.instances.inference_count == 2  # with one, SageMaker makes no canary
    assert (prod.scaling.min, prod.scaling.max) == (2, 4)
    assert (prod.capture.percent, prod.watch.schedule) == (100, "rate(1 day)")
    assert prod.security.log_days == 365
    assert (prod.data.subset_size, prod.tuning.max_trials) == (10000, 8)  # aws.yaml's


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_file_says_only_what_differs(stage: str) -> None:
    base = dict(_flat(yaml.safe_load((FOLDER / "aws.yaml").read_text())))
    for key, value in written(stage).items():
        assert value != base.get(key, FIELDS[key].default), key


def test_on_this_machine_a_stage_changes_names_only() -> None:
    prod = load("local", {})
    for stage in STAGES:
        changed = load("local", {"PIPELINE_STAGE": stage})
        named = {"stage": prod.stage, "endpoint": prod.endpoint}
        assert changed.model_copy(update=named) == prod


@pytest.mark.parametrize(
    ("text", "variables", "trials", "source"),
    [
        ("target: aws", {}, 8, "aws.yaml"),
        ("{target: aws, stage: dev}", {}, 2, "stages/dev.yaml"),
        ("target: aws", {"STAGE": "dev"}, 2, "stages/dev.yaml"),
        ("{target: aws, stage: dev}", {"STAGE": "staging"}, 4, "stages/staging.yaml"),
        ("{target: aws, stage: dev, tuning.max_trials: 6}", {}, 6, "my.yaml"),
        ("{target: aws, tuning.max_trials: 6}", {"STAGE": "dev"}, 6, "my.yaml"),
        (
            "{target: aws, tuning.max_trials: 6}",
            {"STAGE": "dev", "TUNING_MAX_TRIALS": "7"},
            7,
            "$PIPELINE_TUNING_MAX_TRIALS",
        ),
        ("stage: dev", {}, 3, "local.yaml"),
    ],
    ids=[
        *("default", "own-file", "variable", "variable-over-own-file"),
        *("own-value", "own-value-of-every-stage", "variable-over-all", "this-machine"),
    ],
)
def test_the_stage_replaces_the_targets_values_and_is_replaced_by_ones_own(
    my_file: Path, text: str, variables: dict[str, str], trials: int, source: str
) -> None:
    my_file.write_text(text)
    environment = {f"PIPELINE_{name}": value for name, value in variables.items()}
    (listed,) = settings("my.yaml", "tuning.max_trials", environment)
    assert (listed.value, listed.source) == (trials, source)


def test_the_command_shows_the_stages_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_STAGE", "dev")
    assert pipeline.main(["settings", "--target", "aws", "tuning.max_trials"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.split() == ["tuning.max_trials", "=", "2", "stages/dev.yaml"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tuning: {max_trails: 2}",
            "tuning.max_trails in stages/dev.yaml: there is no such setting; did you mean "
            "tuning.max_trials?",
        ),
        ("tuning: {max_trials: 0}", "tuning.max_trials in stages/dev.yaml: 0 is not allowed"),
        ("stage: prod", "stage in stages/dev.yaml: stage chooses this file"),
        ("target: local", "target in stages/dev.yaml: target chooses this file"),
        ("tuning: [", "stages/dev.yaml is not YAML"),
    ],
    ids=["unknown-key", "value", "stage", "target", "not-yaml"],
)
def test_a_mistake_in_a_stages_file_names_it(folder: Path, text: str, message: str) -> None:
    (folder / STAGE_FILES["dev"]).write_text(text)
    assert load("aws", {}).stage == "prod"  # whose file is another one
    with pytest.raises(SettingsError) as caught:
        of("dev")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "security: {subnets: [subnet-0a], security_groups: [sg-0a]}",
            "security in my.yaml: a serverless endpoint can be neither in subnets",
        ),
        ("capture: {percent: 5}", "capture in my.yaml: SageMaker captures nothing of a serverless"),
        ("instances: {training_count: 0}", "instances.training_count in my.yaml"),
    ],
)
def test_what_a_stage_does_not_go_with_is_told_of_ones_own_file(
    my_file: Path, text: str, message: str
) -> None:
    my_file.write_text(f"target: aws\nstage: dev\n{text}")
    with pytest.raises(SettingsError) as caught:
        load("my.yaml", {})
    assert message in str(caught.value)


def test_the_page_of_aws_shows_each_value_of_each_stage() -> None:
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "aws.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    shown = {row[0]: row[1:4] for row in rows if len(row) == 5}
    keys = {key for stage in STAGES for key in written(stage)}
    assert keys <= set(shown)
    for position, stage in enumerate(STAGES):
        values = {one.key: one.value for one in settings("aws", None, {"PIPELINE_STAGE": stage})}
        for key in keys:
            value = values[key]
            text = "none" if value == "" else str(value).removesuffix(".0")
            assert shown[key][position] == text, (stage, key)
