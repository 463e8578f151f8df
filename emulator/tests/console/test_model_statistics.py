"""What a page reads from a document of a model's quality."""

from typing import Any

import pytest

from sagemaker_emulator.console.model_statistics import MOST_FIGURES, Chart, Figure, read

# As SageMaker Model Monitor writes them.
MONITOR: dict[str, Any] = {
    "dataset": {"item_count": 20, "start_time": "2021-03-01T00:00:00Z"},
    "multiclass_classification_metrics": {
        "confusion_matrix": {"a": {"a": 6, "b": 2}, "b": {"a": 3, "b": 9}},
        "accuracy": {"value": 0.75, "standard_deviation": "NaN"},
        "weighted_f1": {"value": 0.7, "standard_deviation": 0.1},
    },
}


def figures(document: object) -> dict[str, Figure]:
    return {each.name: each for group in read(document).groups for each in group.figures}


def charts(document: object) -> dict[str, Chart]:
    return {each.kind: each for each in read(document).charts}


def test_groups_are_in_the_order_of_the_document() -> None:
    groups = read(MONITOR).groups
    assert [(group.title, group.is_known) for group in groups] == [
        ("dataset", False),
        ("multiclass classification metrics", True),
    ]


def test_a_metric_has_its_value_and_deviation() -> None:
    found = figures(MONITOR)
    assert found["weighted f1"] == Figure("weighted f1", 0.7, 0.1)
    assert found["accuracy"] == Figure("accuracy", 0.75, None)
    assert found["item count"].value == 20


@pytest.mark.parametrize("names", [("low", "high"), ("lower_bound", "upper_bound")])
def test_an_interval_is_shown_where_the_metric_has_one(names: tuple[str, str]) -> None:
    found = figures({"m": {"rmse": {"value": 2, names[0]: 1, names[1]: 3}}})
    assert (found["rmse"].low, found["rmse"].high) == (1, 3)


def test_half_an_interval_is_none() -> None:
    found = figures({"m": {"rmse": {"value": 2, "low": 1, "high": None}}})
    assert (found["rmse"].low, found["rmse"].high) == (None, None)


def test_a_list_of_named_metrics_is_read() -> None:
    metrics = [{"name": "mae", "label": "mean error", "value": 1.5, "description": "in items"}]
    assert figures({"mine": {"metrics": metrics}})["metrics · mean error"] == Figure(
        "metrics · mean error", 1.5, note="in items"
    )


def test_rows_with_the_same_numbers_are_one_table() -> None:
    per_class = {"a": {"precision": 0.5, "support": 3}, "b": {"precision": 1.0, "support": 4}}
    (group,) = read({"mine": {"per_class": per_class}}).groups
    (grid,) = group.grids
    assert list(grid.heads) == ["name", "precision", "support"]
    assert grid.rows == [["a", 0.5, 3], ["b", 1.0, 4]]


def test_a_confusion_matrix_is_a_heatmap() -> None:
    data = charts(MONITOR)["heatmap"].data
    assert (data["rows"], data["columns"]) == (["a", "b"], ["a", "b"])
    assert data["cells"] == [[6, 2], [3, 9]]


def test_an_answer_that_is_no_label_has_a_column() -> None:
    document = {"m": {"confusion_matrix": {"a": {"a": 1, "other": 2}}}}
    data = charts(document)["heatmap"].data
    assert (data["rows"], data["columns"], data["cells"]) == (["a"], ["a", "other"], [[1, 2]])


def test_a_curve_is_drawn() -> None:
    curve = {"false_positive_rates": [0, 0.5, 1], "true_positive_rates": [0, 0.9, 1]}
    document = {"binary_classification_metrics": {"receiver_operating_characteristic_curve": curve}}
    data = charts(document)["line"].data
    assert data["series"][0]["points"] == [[0, 0], [0.5, 0.9], [1, 1]]


def test_bins_of_confidence_are_a_reliability_diagram() -> None:
    bins = [
        {"confidence": 0.3, "accuracy": 0.2, "count": 10},
        {"confidence": None, "accuracy": None, "count": 0},
        {"confidence": 0.9, "accuracy": 1, "count": 5},
    ]
    assert charts({"m": {"reliability": bins}})["reliability"].data["points"] == [
        {"confidence": 0.3, "accuracy": 0.2, "count": 10},
        {"confidence": 0.9, "accuracy": 1, "count": 5},
    ]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        3,
        {},
        {"m": {"confusion_matrix": {"a": 3}}},
        {"m": {"confusion_matrix": {}}},
        {"m": {"receiver_operating_characteristic_curve": {"false_positive_rates": [1]}}},
        {"m": {"bins": [{"confidence": 7, "accuracy": 1, "count": 2}]}},
        {"m": {"bins": [{"count": "many"}]}},
        {"m": {"x": float("inf"), "y": "words", "z": True}},
    ],
)
def test_what_is_of_another_form_has_no_chart(document: object) -> None:
    assert read(document).charts == []


def test_a_very_large_group_is_cut() -> None:
    (group,) = read({"m": {f"x{number}": number for number in range(500)}}).groups
    assert len(group.figures) == MOST_FIGURES
    assert group.left_out == 500 - MOST_FIGURES


def test_a_number_that_no_float_can_hold_is_left_out() -> None:
    assert list(figures({"m": {"rmse": {"value": 10**400}, "mae": {"value": 1}}})) == ["mae"]
