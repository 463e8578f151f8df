"""The list of settings: each value, where it comes from and what it means."""

import json
from pathlib import Path

import pytest

import pipeline
from pipelines.settings.layers import FIELDS, SettingsError
from pipelines.settings.listing import settings


def test_every_setting_has_a_description() -> None:
    assert [one.key for one in settings("local", environment={})] == list(FIELDS)
    assert [one.key for one in settings("aws", environment={}) if not one.description] == []


def test_each_value_names_the_layer_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text("target: aws\ntuning: {max_parallel_trials: 1}")
    listed = settings("my.yaml", "tuning", {"PIPELINE_TUNING_MAX_TRIALS": "2"})
    sources = {one.key: (one.value, one.source) for one in listed}
    assert sources["tuning.epochs.max"] == (10, "aws.yaml")
    assert sources["tuning.max_parallel_trials"] == (1, "my.yaml")
    assert sources["tuning.max_trials"] == (2, "$PIPELINE_TUNING_MAX_TRIALS")
    (seed,) = settings("my.yaml", "data.seed", {})
    assert (seed.value, seed.source) == (0, "default")


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"no setting 'tunning'; did you mean tuning\?"):
        settings("local", "tunning", {})


def test_the_command_prints_key_value_source_and_meaning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pipeline.main(["settings", "tuning.max_trials"]) == 0
    first, second = capsys.readouterr().out.strip().splitlines()
    assert first.split() == ["tuning.max_trials", "=", "3", "local.yaml"]
    assert second.strip() == "Training jobs that the tuner may run."


def test_the_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert pipeline.main(["settings", "data.split", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "key": "data.split",
            "value": "8:1:1",
            "source": "default",
            "description": "Shares of train, validation and test.",
            "allowed": 'three positive numbers such as "8:1:1", in quotes',
            "variable": "PIPELINE_DATA_SPLIT",
        }
    ]
