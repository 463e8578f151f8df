"""What photos cost on the endpoint."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from pipelines import evaluation_report, prices
from pipelines.display import report
from pipelines.evaluation_report import EvaluationReport
from pipelines.executions import photo_cost
from pipelines.executions.execution import Execution
from pipelines.executions.outcome import Outcome
from pipelines.executions.photo_cost import vcpus
from pipelines.executions.watch import Snapshot
from pipelines.prices import Prices
from pipelines.settings.model import Settings


@pytest.fixture
def execution(snapshot: Snapshot) -> Execution:
    parameters = {**snapshot.execution.parameters, "InferenceInstanceType": "ml.m5.large"}
    return replace(snapshot.execution, parameters=parameters)


@pytest.fixture
def measured(outcome: Outcome) -> EvaluationReport:
    """An evaluation of 80 photos a second on four cores."""
    assert outcome.evaluation
    document: Any = deepcopy(dict(outcome.evaluation.document))
    document["tally"]["serving"] |= {"images_per_second": 80.0, "cores": 4}
    return evaluation_report.read(document)


@pytest.fixture
def known(on_aws: Settings) -> Prices:
    return prices.load(on_aws)


def test_the_price_of_an_hour_is_spread_over_its_photos(
    execution: Execution, measured: EvaluationReport, known: Prices
) -> None:
    photos = photo_cost.read(execution, measured, known)
    assert photos
    # 40 a second on the endpoint's two cores.
    assert photos.per_thousand == pytest.approx(1000 * 0.115 / (40 * 3600))
    assert "0.0008 USD" in photos.sentences and "2.76 USD a day" in photos.sentences


def test_nothing_is_said_where_speed_or_price_are_not_known(
    execution: Execution, measured: EvaluationReport, outcome: Outcome, known: Prices
) -> None:
    assert photo_cost.read(execution, outcome.evaluation, known) is None
    other = replace(execution, parameters={"InferenceInstanceType": "ml.p9.large"})
    assert photo_cost.read(other, measured, known) is None


@pytest.mark.parametrize(
    ("name", "cores"),
    [
        ("ml.m5.large", 2),
        ("ml.m5.xlarge", 4),
        ("ml.c7i.4xlarge", 16),
        ("ml.m5d.metal", None),
        ("ml.t3.medium", None),
    ],
)
def test_cores_follow_from_the_size(name: str, cores: int | None) -> None:
    assert vcpus(name) == cores


def test_the_report_shows_what_photos_cost(
    snapshot: Snapshot,
    outcome: Outcome,
    execution: Execution,
    measured: EvaluationReport,
    known: Prices,
) -> None:
    photos = photo_cost.read(execution, measured, known)
    assert "What photos cost" in report.render(snapshot, outcome, photos=photos)
    assert "What photos cost" not in report.render(snapshot, outcome)
