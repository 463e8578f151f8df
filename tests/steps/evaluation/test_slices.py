"""Slices: six images of known light, size and items, of which it is known what was answered."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import evaluate
from audit_finding import Finding
from evaluation import slices
from evaluation.predictions import Predictions
from evaluation.testset import TestImage

TRUTH = [1, 1, 2, 2, 3, 3]
ANSWER = [1, 2, 2, 2, 1, 3]
ENTRIES = [
    {"width": 100, "height": 100, "items": 1}, {"width": 100, "height": 100, "items": 1},
    {"width": 200, "height": 200, "items": 2}, {"width": 200, "height": 200, "items": 5},
    {"width": 300, "height": 300, "items": 3}, {"width": 300, "height": 300, "items": 7},
]  # fmt: skip


@pytest.fixture
def described(tmp_path: Path) -> dict[str, Any]:
    images = []
    for number, count in enumerate(TRUTH):
        file = tmp_path / f"{number}.jpg"
        Image.new("L", (80, 80), 40 * number).save(file)
        images.append(TestImage(file, count))
    entries = [{"id": str(number), **entry} for number, entry in enumerate(ENTRIES)]
    (tmp_path / "manifest.json").write_text(json.dumps({"images": entries}))
    sure, answer = np.full(6, 0.9), np.array(ANSWER)
    found = Predictions(
        tuple(images), (1, 2, 3), np.array(TRUTH), answer, sure, sure, answer, np.eye(3)[answer - 1]
    )
    return slices.describe(found, tmp_path / "manifest.json")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "image size",
            [("small: 0.01", 2, 0.5), ("middle: 0.04", 2, 1.0), ("large: 0.09", 2, 0.5)],
        ),
        ("brightness", [("dark: 0%", 2, 0.5), ("middle: 31%", 2, 1.0), ("bright: 63%", 2, 0.5)]),
        ("different items", [("1", 2, 0.5), ("2", 1, 1.0), ("3 or more", 3, 2 / 3)]),
    ],
)
def test_each_part_is_judged_alone(
    described: dict[str, Any], name: str, wanted: list[tuple[str, int, float]]
) -> None:
    parts = described["by"][name]
    assert [(part["images"], part["accuracy"]) for part in parts] == [
        (images, pytest.approx(accuracy)) for _, images, accuracy in wanted
    ]
    for part, (begins, _, _) in zip(parts, wanted, strict=True):
        assert part["slice"].startswith(begins)
        assert part["low"] <= part["accuracy"] <= part["high"]


def test_a_part_of_few_images_is_unsure_also_where_all_or_none_are_right(
    described: dict[str, Any],
) -> None:
    alone = described["by"]["different items"][1]  # one image, and it is right
    assert (alone["low"], alone["high"]) == (pytest.approx(0.2065, abs=1e-4), 1.0)


def test_an_answer_that_is_off_by_two_is_not_near(described: dict[str, Any]) -> None:
    assert described["by"]["brightness"][2]["within_one"] == 0.5


def test_what_the_manifest_does_not_say_is_left_out_and_named(described: dict[str, Any]) -> None:
    assert described["left_out"] == {"item volume": "the manifest does not hold it"}


@pytest.mark.parametrize("option", ["--record-error-rate", "--match-precision"])
@pytest.mark.parametrize("value", ["0", "1", "-0.1", "some"])
def test_a_share_is_between_0_and_1(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        evaluate.main([option, value])
    assert left.value.code == 2
    assert option in capsys.readouterr().err


def test_bins_with_an_audited_count_are_a_slice_if_there_are_some(
    described: dict[str, Any], tmp_path: Path
) -> None:
    assert "source of the count" not in described["by"]
    finding = Finding(1, None, False)
    images = tuple(
        TestImage(tmp_path / f"{number}.jpg", count, finding=finding if number < 2 else None)
        for number, count in enumerate(TRUTH)
    )
    sure, answer = np.full(6, 0.9), np.array(ANSWER)
    found = Predictions(
        images, (1, 2, 3), np.array(TRUTH), answer, sure, sure, answer, np.eye(3)[answer - 1]
    )
    parts = slices.describe(found, tmp_path / "manifest.json")["by"]["source of the count"]
    assert [(part["slice"], part["images"]) for part in parts] == [("record", 4), ("audit", 2)]
