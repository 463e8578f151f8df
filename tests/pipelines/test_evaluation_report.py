"""The reader of evaluation.json: of today's form and of that before metrics were declared in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import evaluation_report
from pipelines.evaluation_report import Metric

TODAY = json.loads((Path(__file__).parents[1] / "evaluation.json").read_text())
EARLIER: dict[str, Any] = {
    "multiclass_classification_metrics": {"accuracy": {"value": 0.48, "standard_deviation": 0.1}},
    "regression_metrics": {"rmse": {"value": 1.02}, "mae": {"value": "NaN"}},
    "tally": {
        "within_one_accuracy": 0.86,
        "test_images": 25,
        "intervals": {"level": 0.95, "accuracy": {"low": 0.3, "high": 0.66}},
        "baselines": {
            "majority_class": {"count": 2, "accuracy": {"value": 0.2222}},
            "mean_count": {"count": 2.987, "rmse": {"value": 1.388}},
        },
        "approved": {
            "present": True, "accuracy": {"value": 0.44}, "candidate_accuracy": {"value": 0.5},
            "images": 30, "only_unseen": True,
        },
        "verification": {
            "books_wrong": 0.1, "wanted_precision": 0.95, "threshold": 0.4,
            "passed": {"value": 0.31}, "precision": {"value": 0.947},
        },
    },
}  # fmt: skip


def test_every_metric_is_read_with_its_words_and_numbers() -> None:
    report = evaluation_report.read(TODAY)
    assert [metric.name for metric in report.metrics] == [
        entry["name"] for entry in TODAY["tally"]["metrics"]
    ]
    accuracy, _, rmse, *_ = report.metrics
    assert (accuracy.value, accuracy.short, accuracy.text) == (0.48, "48.0 %", "48.0 ± 10.0 %")
    assert (rmse.interval, rmse.headline) == ("0.85 to 1.20 items", False)
    assert rmse.comparison.startswith("always answering the mean, 2.99: 1.39 items;")
    assert report.headline.startswith("25 test images: 48.0 ± 10.0 % counted exactly, 86.0 ±")
    assert report.decision == TODAY["tally"]["decision"]["sentence"]
    assert report.decision_short == "looks at 35.2 %, finds 67.1 %, 95.3 % right"
    assert report.classes == "1-3"
    assert [picture.wide for picture in report.pictures] == [False, True]


def test_what_a_later_version_adds_is_ignored() -> None:
    entry = {"name": "n", "label": "l", "value": 0.5, "short": "s", "text": "t", "tomorrow": "%"}
    (metric,) = evaluation_report.read({"tally": {"metrics": [entry]}}).metrics
    assert metric == Metric("n", "l", 0.5, "s", "t")


def test_an_evaluation_of_an_earlier_version_is_read() -> None:
    report = evaluation_report.read(EARLIER)
    assert {metric.name: metric.text for metric in report.metrics} == {
        "accuracy": "48.0 ± 10.0 %",
        "within_one_accuracy": "86.0 %",
        "rmse": "1.02 items",
    }
    accuracy, _, rmse = report.metrics
    assert accuracy.interval == "30.0 to 66.0 %"
    assert accuracy.comparison == (
        "the approved model: 44.0 %, this one 50.0 %, on the 30 images that neither was trained "
        "on; always answering 2: 22.2 %"
    )
    assert rmse.comparison == "always answering 2.99: 1.39 items"
    assert report.decision == (
        "If 10 % of the stock records are wrong, 31.0 % of the bins can pass without a person; of "
        "these, 94.7 % have a correct record (required: 95 %)."
    )


@pytest.mark.parametrize(
    ("change", "comparison"),
    [
        ({"present": False}, "always answering 2: 22.2 %"),
        ({"decides": False}, "the approved model: 44.0 %, but it was trained on nearly all of"),
    ],
    ids=["none-approved", "decides-nothing"],
)
def test_the_approved_model_of_an_earlier_evaluation(
    change: dict[str, bool], comparison: str
) -> None:
    approved = {**EARLIER["tally"]["approved"], **change}
    document = {**EARLIER, "tally": {**EARLIER["tally"], "approved": approved}}
    assert evaluation_report.read(document).metrics[0].comparison.startswith(comparison)


def test_an_earlier_evaluation_at_which_no_bin_can_pass() -> None:
    verification = {**EARLIER["tally"]["verification"], "passed": {"value": 0.0}}
    document = {"tally": {"verification": verification}}
    assert "no bin can pass without a person" in evaluation_report.read(document).decision


@pytest.mark.parametrize(
    ("parameters", "unmet"),
    [
        ({"AccuracyThreshold": "0.2", "MinFoundShare": "0"}, []),
        ({}, []),
        ({"AccuracyThreshold": "0.5"}, ["its accuracy is 0.480, below AccuracyThreshold 0.500"]),
        (
            {"AccuracyThreshold": "0.48", "MinFoundShare": "0.7"},
            ["the share of the wrong records that it finds is 0.671, below MinFoundShare 0.700"],
        ),
    ],
    ids=["all-hold", "not-known", "accuracy", "found-share"],
)
def test_the_conditions_that_do_not_hold_are_named(
    parameters: dict[str, str], unmet: list[str]
) -> None:
    assert evaluation_report.read(TODAY).unmet(parameters) == unmet
    assert evaluation_report.read({}).unmet(parameters) == []


def test_the_approved_model_is_not_reached() -> None:
    approved = {**TODAY["tally"]["approved"], "must_reach": {"value": 0.52}}
    document = {**TODAY, "tally": {**TODAY["tally"], "approved": approved}}
    (unmet,) = evaluation_report.read(document).unmet({})
    assert unmet.endswith("is 0.480, below the approved model's 0.520")


def test_an_empty_document_is_an_empty_report() -> None:
    report = evaluation_report.read({})
    assert (report.metrics, report.headline, report.decision) == ((), "", "")
    assert report.rows() == (("test metric", "this model"), [])


@pytest.mark.parametrize(
    ("classes", "text"),
    [([1, 2, 3], "1-3"), (["0", "5", "6+"], "0-6+"), ("0-6+", "0-6+"), ([], ""), (None, "")],
)
def test_the_counts_that_a_model_answers_are_read(classes: object, text: str) -> None:
    assert evaluation_report.read({"tally": {"classes": classes}}).classes == text
    assert evaluation_report.read({}).classes == ""


def test_only_a_comparison_that_decides_is_one() -> None:
    difference = evaluation_report.read(TODAY).comparison["difference"]
    assert (difference["low"], difference["high"]) == (-0.12, 0.2)
    for changed in ({"present": False}, {"decides": False}):
        approved = {**TODAY["tally"]["approved"], **changed}
        document = {**TODAY, "tally": {**TODAY["tally"], "approved": approved}}
        assert evaluation_report.read(document).comparison == {}
    assert evaluation_report.read(EARLIER).comparison == {}


def test_the_facts_are_the_metrics_with_their_intervals_and_the_decision() -> None:
    facts = evaluation_report.read(TODAY).facts()
    assert facts["images tested on"] == "25"
    assert facts["RMSE"] == "1.02 items (0.85 to 1.20)"
    assert facts["decision"].startswith("While people look at 35.2 % (33 to 38) of the bins")
    earlier = evaluation_report.read(EARLIER)
    assert (earlier.metrics[0].low, earlier.metrics[0].high) == (0.3, 0.66)
    assert earlier.facts()["accuracy"] == "48.0 % (30.0 to 66.0)"
