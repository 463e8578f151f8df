"""Tuning jobs: the list, and the page of one."""

from collections.abc import Callable
from typing import Any

import pytest
from console_client import ConsoleClient
from emulator_process import BUCKET, Emulator
from server_events import Events

ROLE = "arn:aws:iam::123456789012:role/runs-jobs"


class Tuning:
    """A tuning job of the image `plain`, whose trials all reach an accuracy of 0.2."""

    def __init__(self, emulator: Emulator, name: str, until: Callable[..., Any]) -> None:
        self.client, self.name, self._until = emulator.client("sagemaker"), name, until
        self.address = f"/console/tuning/{name}"

    def begin(
        self, do: str = "train", metric: str = "accuracy", trials: int = 3, definitions: int = 1
    ) -> None:
        """Create it; several definitions search the rate, each with an upper bound of its own."""
        ranges = {
            "ContinuousParameterRanges": [
                {
                    "Name": "rate",
                    "MinValue": "0.0001",
                    "MaxValue": "0.1",
                    "ScalingType": "Logarithmic",
                }
            ],
            "CategoricalParameterRanges": [{"Name": "layers", "Values": ['"one"', '"two"']}],
        }
        objective = {"Type": "Maximize", "MetricName": metric}
        config: dict[str, Any] = {
            "Strategy": "Random",
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": trials,
                "MaxParallelTrainingJobs": trials,
            },
        }
        definition = {
            "StaticHyperParameters": {"do": do},
            "AlgorithmSpecification": {
                "TrainingImage": "plain",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": metric, "Regex": f"{metric}=([0-9.]+)"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{self.name}/"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        several = [
            definition
            | {
                "DefinitionName": f"d{number}",
                "TuningObjective": objective,
                "HyperParameterRanges": {
                    "ContinuousParameterRanges": [
                        {"Name": "rate", "MinValue": "0", "MaxValue": str(number)}
                    ]
                },
            }
            for number in range(1, definitions + 1)
        ]
        if definitions == 1:
            config |= {"HyperParameterTuningJobObjective": objective, "ParameterRanges": ranges}
            given: dict[str, Any] = {"TrainingJobDefinition": definition}
        else:
            given = {"TrainingJobDefinitions": several}
        self.client.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=self.name, HyperParameterTuningJobConfig=config, **given
        )

    def end(self) -> dict[str, Any]:
        """Wait until it has ended."""
        described: dict[str, Any] = self._until(
            lambda: self.client.describe_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=self.name
            ),
            "HyperParameterTuningJobStatus",
        )
        return described


@pytest.fixture
def tuning(emulator: Emulator, name: str, until: Callable[..., Any]) -> Tuning:
    return Tuning(emulator, name, until)


def test_trials_are_listed_with_the_best_first(tuning: Tuning, console: ConsoleClient) -> None:
    tuning.begin()
    best = tuning.end()["BestTrainingJob"]["TrainingJobName"]
    page = console.get(tuning.address)
    rows = page.select("div[sse-swap=trials] tbody tr")
    assert len(rows) == 3
    first = rows[0].select_one("a")
    assert first and first["href"] == f"/console/jobs/training/{best}"
    assert [row.select_one("td.number b") is not None for row in rows] == [True, False, False]
    assert {row.select("td")[4].text for row in rows} <= {"one", "two"}
    assert not page.select("[sse-connect]")


def test_several_definitions_are_shown_on_one_page(tuning: Tuning, console: ConsoleClient) -> None:
    tuning.begin(definitions=2, trials=2)
    tuning.end()
    page = console.get(tuning.address)
    searched = [cell.text for cell in page.select("td[data-label=values]")]
    assert searched == ["0 to 1; in d2 0 to 2"]
    assert [cell.text for cell in page.select("th[scope=row]")] == ["d1: do", "d2: do"]
    (axis,) = console.http.get(f"{tuning.address}/parallel.json").json()["axes"]
    assert axis["name"] == "rate"
    (series,) = console.http.get(f"{tuning.address}/curves.json").json()["series"]
    assert series["points"] == [[1, 0.0], [2, 0.1], [3, 0.2]]
    listed = console.get("/console/tuning")
    assert "maximize accuracy" in listed.text


def test_a_trial_links_to_its_tuning_job(tuning: Tuning, console: ConsoleClient) -> None:
    tuning.begin(trials=1)
    best = tuning.end()["BestTrainingJob"]["TrainingJobName"]
    trial = tuning.client.describe_training_job(TrainingJobName=best)
    assert trial["TuningJobArn"].endswith(f"/{tuning.name}")
    page = console.get(f"/console/jobs/training/{best}")
    assert page.select_one(f"a[href='{tuning.address}']")


def test_the_charts_have_the_numbers_of_the_trials(tuning: Tuning, console: ConsoleClient) -> None:
    tuning.begin()
    tuning.end()
    objective = console.http.get(f"{tuning.address}/objective.json").json()
    assert [point["y"] for point in objective["points"]] == [0.2, 0.2, 0.2]
    assert (objective["maximize"], objective["live"]) == (True, False)
    parallel = console.http.get(f"{tuning.address}/parallel.json").json()
    assert parallel["axes"] == [
        {"name": "rate", "log": True},
        {"name": "layers", "log": False, "categories": ["one", "two"]},
    ]
    assert sum(trial["best"] for trial in parallel["trials"]) == 1
    for trial in parallel["trials"]:
        rate, layers = trial["values"]
        assert 0.0001 <= rate <= 0.1 and layers in ("one", "two")


def test_the_curve_of_the_best_trial_is_shown(tuning: Tuning, console: ConsoleClient) -> None:
    tuning.begin(trials=1)
    tuning.end()
    (series,) = console.http.get(f"{tuning.address}/curves.json").json()["series"]
    assert series["name"].startswith("best: 001-")
    assert series["points"] == [[1, 0.0], [2, 0.1], [3, 0.2]]
    table = console.get(f"{tuning.address}/curves")
    assert [cell.text for cell in table.select("td:nth-child(3)")] == ["0", "0.1", "0.2"]


def test_a_running_tuning_job_is_stopped_and_its_page_follows(
    tuning: Tuning, console: ConsoleClient
) -> None:
    tuning.begin(do="wait")
    page = console.get(tuning.address)
    with Events(console, f"{tuning.address}/events") as events:
        console.post(f"{tuning.address}/stop", page)
        events.until("end", seconds=30)
    page = console.get(tuning.address)
    assert page.select_one(".facts .badge.Stopped")
    assert not page.select("form[method=post]")


def test_tuning_jobs_are_listed_with_their_best(tuning: Tuning, console: ConsoleClient) -> None:
    tuning.begin(trials=1)
    tuning.end()
    page = console.get("/console/tuning", filter=tuning.name[5:])
    link = page.select_one(f"a[href='{tuning.address}']")
    row = link and link.find_parent("tr")
    assert row and "0.2" in row.text and "1 of 1" in row.text


def test_trials_that_failed_have_ended_too(tuning: Tuning, console: ConsoleClient) -> None:
    tuning.begin(do="fail", trials=2)
    tuning.end()
    facts = [" ".join(fact.text.split()) for fact in console.get(tuning.address).select(".fact")]
    assert facts[2:4] == ["2 of 2trials ended", "2of them failed"]


def test_a_tuning_job_without_an_objective_shows_why(
    tuning: Tuning, console: ConsoleClient
) -> None:
    tuning.begin(metric="missing", trials=1)
    tuning.end()
    problem = console.get(tuning.address).select_one(".problem")
    assert problem and "missing" in problem.text
    assert console.http.get(f"{tuning.address}/curves.json").json()["series"] == []


def test_a_tuning_job_that_does_not_exist_is_reported(console: ConsoleClient) -> None:
    assert "does not exist" in console.get("/console/tuning/none", 400).text
