"""Tracks the training as a run in MLflow, if a tracking URI is set; the log has the same metrics.

The variables are MLflow's own: MLFLOW_TRACKING_URI (a server, a database, or the ARN of a SageMaker
MLflow server) and MLFLOW_EXPERIMENT_NAME. An unreachable server does not end the training: one
message is printed, and nothing more is sent.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.loop.epoch import Epoch

if TYPE_CHECKING:
    from mlflow.entities import Param
    from mlflow.tracking import MlflowClient

    from training.loop.fitting import Outcome

EXPERIMENT = "tally"
LONGEST = 300  # characters of an error message
SQLITE = "sqlite:///"
# Files of the model that are stored with the run.
KEPT = ("training.json", "debug_rules.json", "profile.html", "label_noise.json", "suspects.png")
# Do not wait for minutes for a server that is gone, and send no telemetry.
CLIENT_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class Tracker:
    """One run in MLflow; without a URI, or after the server failed, its methods do nothing."""

    def __init__(
        self, parameters: Mapping[str, Any], environment: Mapping[str, str] = os.environ
    ) -> None:
        """Start a run named after the training job.

        Args:
            parameters: the hyperparameters by name.
            environment: variables of MLflow and SageMaker.
        """
        first = environment.get("RANK", "0") == "0"  # among the processes that train together
        self._uri = environment.get("MLFLOW_TRACKING_URI", "") if first else ""
        self._client: MlflowClient | None = None
        self._run = ""
        self._attempt(lambda: self._start(parameters, environment))

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end("FAILED" if kind else "FINISHED")

    @property
    def active(self) -> bool:
        """Whether anything is sent."""
        return bool(self._uri)

    def add_epoch(self, epoch: Epoch) -> None:
        """Log the metrics of an epoch; its number is the step."""
        values = asdict(epoch)
        number = values.pop("epoch")
        self._attempt(lambda: self._log_metrics(values, number))

    def finish(self, folder: Path, outcome: Outcome) -> None:
        """End the run with the metrics and files of the finished model."""
        self.end(
            "KILLED" if outcome.stopped else "FINISHED",
            best(outcome.best),
            verdicts(folder / "debug_rules.json"),
            [folder / name for name in KEPT],
        )

    def end(
        self,
        status: str,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        files: Iterable[Path] = (),
    ) -> None:
        """End the run, unless it has already ended.

        Args:
            status: FINISHED, FAILED or KILLED.
            metrics: of the finished model.
            tags: such as the verdicts of the debug rules.
            files: stored with the run, if they exist.
        """

        def finish() -> None:
            client = self._required_client()
            if metrics:
                self._log_metrics(metrics, 0)
            for name, value in (tags or {}).items():
                client.set_tag(self._run, name, value[:5000])
            client.set_terminated(self._run, status)
            for file in files:
                if file.is_file():
                    client.log_artifact(self._run, str(file))

        self._attempt(finish)
        self._uri = ""

    def _start(self, parameters: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._client = client = _client(self._uri)
        name = environment.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            identifier = _create_experiment(client, name, self._uri)
        else:
            identifier = experiment.experiment_id
        run = client.create_run(
            identifier,
            run_name=environment.get("TRAINING_JOB_NAME"),
            tags=_tags(environment),
        )
        self._run = run.info.run_id
        client.log_batch(self._run, params=[_param(*item) for item in parameters.items()])

    def _log_metrics(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._required_client().log_batch(
            self._run, metrics=[Metric(name, float(v), now, step) for name, v in values.items()]
        )

    def _required_client(self) -> MlflowClient:
        assert self._client is not None
        return self._client

    def _attempt(self, act: Callable[[], None]) -> None:
        """Run `act`; if it fails, print why and send nothing more."""
        if not self._uri:
            return
        try:
            act()
        except Exception as error:  # a dozen libraries raise errors of their own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            failed = f"MLflow at {self._uri} cannot be used: {reason[:LONGEST]}"
            print(
                f"{_without_password(failed)}\nTraining continues without it; the metrics are in "
                "this log. To use another server, set MLFLOW_TRACKING_URI.",
                flush=True,
            )
            self._uri = ""


def best(epoch: Epoch) -> dict[str, float]:
    """The metrics of the epoch that is kept, under names that begin with `best_`."""
    return {f"best_{name}": float(value) for name, value in asdict(epoch).items()}


def verdicts(file: Path) -> dict[str, str]:
    """The verdicts of the debug rules as tags; empty without the file."""
    if not file.is_file():
        return {}
    return {f"debug.{rule['rule']}": rule["status"] for rule in json.loads(file.read_text())}


def _param(name: str, value: object) -> Param:
    from mlflow.entities import Param

    return Param(name, str(value))


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


def _client(uri: str) -> MlflowClient:
    for name, value in CLIENT_SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient  # takes seconds unless already imported

    # They log each migration of a new database, and that a plain server is not SageMaker's.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(uri)


def _create_experiment(client: MlflowClient, name: str, uri: str) -> str:
    """Create the experiment, or use the one that another training has just created."""
    from mlflow.exceptions import MlflowException

    # A database stores no files: put them beside it, not in the current folder.
    files_dir = Path(uri.removeprefix(SQLITE)).absolute().parent / "mlflow" / name
    try:
        return str(
            client.create_experiment(name, files_dir.as_uri() if uri.startswith(SQLITE) else None)
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        existing = client.get_experiment_by_name(name)
        assert existing is not None
        return str(existing.experiment_id)


def _tags(environment: Mapping[str, str]) -> dict[str, str]:
    """Tags that identify the run: its job, and whether a tuner started it."""
    # Script mode passes on nothing of what the tuner adds to the hyperparameters.
    file = Path(environment.get("SM_INPUT_CONFIG_DIR", ""), "hyperparameters.json")
    hyperparameters = json.loads(file.read_text()) if file.is_file() else {}
    tags = {
        "training_job": environment.get("TRAINING_JOB_NAME", ""),
        "training_job_arn": environment.get("TRAINING_JOB_ARN", ""),
        "kind": "trial" if "_tuning_objective_metric" in hyperparameters else "training",
    }
    return {name: value for name, value in tags.items() if value}
