"""An execution beside the approved version: in words, and in the Markdown of a pull request."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from pipelines import evaluation_report
from pipelines.display import markdown_summary
from pipelines.evaluation_report import EvaluationReport
from pipelines.executions.approved import BesideApproved
from pipelines.executions.outcome import Outcome
from pipelines.executions.watch import Snapshot


def changed(report: EvaluationReport, **approved: Any) -> EvaluationReport:
    document: dict[str, Any] = deepcopy(dict(report.document))
    document["tally"]["approved"] |= approved
    return evaluation_report.read(document)


@pytest.fixture
def report(outcome: Outcome) -> EvaluationReport:
    assert outcome.evaluation
    return outcome.evaluation


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ({"value": 0.04, "low": -0.12, "high": 0.2}, "as good as approved version 2, as far as"),
        ({"value": 0.2, "low": 0.04, "high": 0.36}, "better than approved version 2: on the same"),
        ({"value": -0.2, "low": -0.4, "high": -0.01}, "worse than approved version 2: on the same"),
    ],
)
def test_only_an_interval_without_zero_is_better_or_worse(
    report: EvaluationReport, difference: Mapping[str, float], words: str
) -> None:
    own = changed(report, difference=difference)
    sentence = BesideApproved(2, own, report).sentence
    assert words in sentence
    assert "25 test images" in sentence and f"{100 * difference['value']:+.1f} points" in sentence


def test_a_comparison_that_decides_nothing_is_not_shown_as_one(report: EvaluationReport) -> None:
    sentence = BesideApproved(2, changed(report, decides=False), report).sentence
    assert "points" not in sentence and "its own test images" in sentence


def test_markdown_has_every_metric_of_both(
    snapshot: Snapshot, outcome: Outcome, report: EvaluationReport
) -> None:
    theirs = replace(report, metrics=report.metrics[:-1])
    text = markdown_summary.render(snapshot, outcome, BesideApproved(2, report, theirs))
    assert "### Beside approved version 2" in text
    first, last = report.metrics[0], report.metrics[-1]
    assert f"| {first.label} | {first.with_interval} | {first.with_interval} |" in text
    assert f"| {last.label} | {last.with_interval} | - |" in text


def test_markdown_without_an_approved_version_has_no_such_section(
    snapshot: Snapshot, outcome: Outcome
) -> None:
    assert "approved version" not in markdown_summary.render(snapshot, outcome)
