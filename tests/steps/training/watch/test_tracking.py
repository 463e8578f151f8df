"""Trainings as runs in MLflow: read back from a real store with MLflow's own client."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

import train
from tests.steps.tiny_training import METRICS, channel, options
from training.loop.epoch import Epoch
from training.watch.tracking import Tracker

pytestmark = pytest.mark.usefixtures("one_thread")

JOB = "tally-train-1"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database whose tables exist: making them takes a second."""
    file = tmp_path_factory.mktemp("state") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}")
    return f"sqlite:///{file}"


@pytest.fixture
def job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """A training job that is tracked in an experiment of its own."""
    monkeypatch.setenv("OPT_ML", str(tmp_path))
    monkeypatch.setenv("TRAINING_JOB_NAME", JOB)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", request.node.name)
    channel(tmp_path / "input/data/train", each=4)
    channel(tmp_path / "input/data/validation", each=2)
    yield tmp_path


def runs(store: str, experiment: str) -> list[Run]:
    client = MlflowClient(store)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


def test_a_training_becomes_a_run_with_parameters_metrics_and_files(
    job: Path, store: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(options(epochs=3, debug="true", profile="true")) == 0

    (run,) = runs(store, request.node.name)
    assert run.info.run_name == JOB
    assert run.info.status == "FINISHED"
    assert run.data.tags["training_job"] == JOB
    assert run.data.tags["kind"] == "training"
    assert run.data.params["batch-size"] == "8"
    assert run.data.params["backbone"] == "test_efficientnet"

    logged = [METRICS.search(line) for line in capsys.readouterr().out.splitlines()]
    losses = [float(found[4]) for found in logged if found]
    client = MlflowClient(store)
    history = client.get_metric_history(run.info.run_id, "validation_loss")
    assert [metric.step for metric in history] == [1, 2, 3]
    assert [metric.value for metric in history] == pytest.approx(losses[:3], abs=1e-4)
    assert run.data.metrics["best_validation_loss"] == pytest.approx(losses[3], abs=1e-4)

    judged = json.loads((job / "model/debug_rules.json").read_text())
    assert {f"debug.{rule['rule']}": rule["status"] for rule in judged}.items() <= (
        run.data.tags.items()
    )
    files = [file.path for file in client.list_artifacts(run.info.run_id)]
    assert files == ["debug_rules.json", "profile.html", "training.json"]
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(
        Path(store.removeprefix("sqlite:///")).parent
    )


def test_a_training_that_fails_is_a_failed_run(
    job: Path, store: str, request: pytest.FixtureRequest
) -> None:
    assert train.main(options(lr=1e30, epochs=2)) == 1
    (run,) = runs(store, request.node.name)
    assert run.info.status == "FAILED"


def test_a_run_of_a_tuners_trial_is_tagged_as_trial(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    added = '{"_tuning_objective_metric": "validation:accuracy"}'
    (tmp_path / "hyperparameters.json").write_text(added)
    variables = {
        "MLFLOW_TRACKING_URI": store,
        "MLFLOW_EXPERIMENT_NAME": request.node.name,
        "SM_INPUT_CONFIG_DIR": str(tmp_path),
    }
    with Tracker({}, variables):
        pass
    (run,) = runs(store, request.node.name)
    assert run.data.tags["kind"] == "trial"


def test_without_an_address_nothing_is_tracked() -> None:
    with Tracker({"lr": 1}, {}) as tracker:
        assert not tracker.active


def test_processes_other_than_the_first_track_nothing(store: str) -> None:
    variables = {"MLFLOW_TRACKING_URI": store, "RANK": "1"}
    assert not Tracker({}, variables).active


@pytest.mark.parametrize("uri", ["http://user:secret@127.0.0.1:{port}", "sqlite:////proc/no/db"])
def test_an_unreachable_server_is_reported_once_and_does_not_end_the_training(
    uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = uri.format(port=free.getsockname()[1])
    with Tracker({"lr": 0.1}, {"MLFLOW_TRACKING_URI": uri}) as tracker:
        assert not tracker.active
        tracker.add_epoch(Epoch(1, 1.0, 0.5, 1.0, 0.5, 1.0, 0.9, 30.0))

    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert said[0].startswith(f"MLflow at {uri.replace('user:secret@', '')} cannot be used: ")
    assert said[1].startswith("Training continues without it")
    assert "secret" not in said[0]
