"""The training job definitions of a tuning job: one, or several that share its budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.storage.store import Document


@dataclass(frozen=True)
class Definition:
    """What the trials of one training job definition have in common.

    Attributes:
        name: Its DefinitionName; empty where it has none.
        path: Where the request has it.
        request: It, as the request has it.
        objective: The metric's name and whether it is maximized (`MetricName`, `Type`).
        ranges: The ParameterRanges that are searched.
    """

    name: str
    path: str
    request: Document
    objective: Mapping[str, str]
    ranges: Mapping[str, Any]

    @property
    def metric(self) -> str:
        """The name of the objective metric."""
        return self.objective["MetricName"]

    @property
    def maximize(self) -> bool:
        """Whether a greater objective is better."""
        return self.objective["Type"] == "Maximize"


def definitions_of(job: Mapping[str, Any]) -> list[Definition]:
    """The definitions of a tuning job; none where a request has none.

    A single one has its objective and its ranges in HyperParameterTuningJobConfig, each of several
    in itself, by the reference of HyperParameterTrainingJobDefinition.

    Args:
        job: A request of CreateHyperParameterTuningJob, or a response of Describe.
    """
    config = job["HyperParameterTuningJobConfig"]
    if "TrainingJobDefinition" in job:
        one = job["TrainingJobDefinition"]
        return [
            Definition(
                one.get("DefinitionName", ""),
                "TrainingJobDefinition",
                one,
                config.get("HyperParameterTuningJobObjective", {}),
                config.get("ParameterRanges", {}),
            )
        ]
    return [
        Definition(
            each.get("DefinitionName", ""),
            f"TrainingJobDefinitions.{number}.member",
            each,
            each.get("TuningObjective", {}),
            each.get("HyperParameterRanges", {}),
        )
        for number, each in enumerate(job.get("TrainingJobDefinitions", ()), 1)
    ]


def definition_of(definitions: list[Definition], trial: Mapping[str, Any]) -> Definition:
    """The definition that a trial was made from."""
    name = trial.get("TrainingJobDefinitionName", "")
    return next(each for each in definitions if each.name == name)
