"""What a version changes on the endpoint, and what speaks against it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from model_registry import endpoint as endpoints
from model_registry import versions
from model_registry.promotion import promote
from model_registry.versions import ModelVersion
from pipelines import evaluation_report
from pipelines.serving import replacement
from pipelines.serving.comparison import Compared
from pipelines.serving.replacement import Replacement
from tests.model_registry.served import PLACEMENT, Register

EVALUATION = json.loads((Path(__file__).parents[2] / "evaluation.json").read_text())
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def version(number: int, **metadata: str) -> ModelVersion:
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/tally/{number}"
    model = f"s3://tally/{number}/model.tar.gz"
    return ModelVersion("tally", number, arn, "Approved", NOW, NOW, model, "", "", metadata)


def evaluated(
    number: int,
    accuracy: tuple[float, float, float] = (0.48, 0.3, 0.66),
    difference: tuple[float, float, float] | None = None,
    against: int = 0,
    decides: bool = True,
    **metadata: str,
) -> Compared:
    """A version with an accuracy and a paired difference, each as (value, low, high)."""
    document: dict[str, Any] = json.loads(json.dumps(EVALUATION))
    entry = document["tally"]["metrics"][0]
    entry |= dict(zip(("value", "low", "high"), accuracy, strict=True))
    entry |= {"short": f"{100 * accuracy[0]:.1f} %"}
    approved = document["tally"]["approved"]
    approved |= {"present": difference is not None, "decides": decides}
    if difference:
        approved["difference"] = dict(zip(("value", "low", "high"), difference, strict=True))
    parameters = {"ApprovedModel": f"s3://tally/{against}/model.tar.gz"} if against else {}
    report = evaluation_report.read(document)
    return Compared(version(number, **metadata), report, False, {}, parameters)


WORSE, BETTER, EVEN = (-0.1, -0.18, -0.02), (0.1, 0.02, 0.18), (-0.04, -0.12, 0.04)
GOOD, BAD = (0.6, 0.55, 0.65), (0.4, 0.35, 0.45)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param(
            evaluated(1, classes="1-5"), evaluated(2, classes="1-3"),
            ["Version 2 answers the counts 1-3; version 1, which serves, answers 1-5."],
            id="other-counts",
        ),
        pytest.param(
            evaluated(1, classes="1-5"), evaluated(2, BAD, WORSE, 1, classes="0-6+"),
            ["Version 2 answers the counts 0-6+; version 1"], id="other-counts-are-not-worse",
        ),
        pytest.param(
            evaluated(1), evaluated(2, difference=WORSE, against=1),
            ["is worse than version 1", "on the same 25 test images",
             "differs by -10.0 points (95 % interval -18.0 to -2.0)"], id="worse-in-pairs",
        ),
        pytest.param(
            evaluated(2, difference=BETTER, against=1), evaluated(1),
            ["Version 1 is worse than version 2", "by -10.0 points"], id="the-old-one-was-compared",
        ),
        pytest.param(evaluated(1), evaluated(2, difference=EVEN, against=1), [], id="even"),
        # On the same images it is not worse: other test images say less.
        pytest.param(
            evaluated(1, GOOD), evaluated(2, BAD, EVEN, 1), [], id="pairs-before-intervals"
        ),
        pytest.param(
            evaluated(1, GOOD), evaluated(2, BAD, EVEN, against=7),
            ["its accuracy is 40.0 %", "that of version 1 60.0 %"], id="compared-with-another",
        ),
        pytest.param(
            evaluated(1, GOOD), evaluated(2, (0.6, 0.5, 0.7), WORSE, 1, decides=False), [],
            id="a-comparison-that-decides-nothing",
        ),
        pytest.param(evaluated(1, BAD), evaluated(2, GOOD), [], id="better"),
        pytest.param(replace(evaluated(1), report=None), evaluated(2, BAD), [], id="nothing-known"),
    ],
)  # fmt: skip
def test_only_other_counts_and_what_is_worse_beyond_chance_speak_against_a_version(
    old: Compared, new: Compared, words: list[str]
) -> None:
    objections = Replacement("tally", old, new).objections()
    assert len(objections) == bool(words)
    for word in words:
        assert word in objections[0]


def test_what_differs_is_shown_side_by_side() -> None:
    bins = "s3://tally/tally/data/bins-1a2b3c4d/"
    old = evaluated(1, classes="1-5", data_source=bins, data_version="none")
    new = evaluated(2, classes="0-6+", data_source="s3://aft-vbi-pds", data_version="2026-11")
    compared = Replacement("tally", old, new).side_by_side()
    assert compared.headings == ("serves: version 1", "version 2")
    assert {row.label: row.values for row in compared.differences} == {
        "counts": ("1-5", "0-6+"),
        "data": ("bins-1a2b3c4d", "aft-vbi-pds"),
        "data version": ("", "2026-11"),
    }


def test_a_version_replaces_the_one_that_the_endpoint_serves(
    session: boto3.Session, register: Register
) -> None:
    client = session.client("sagemaker")
    old = register("Approved", classes="1-5")
    new = versions.describe(client, register(classes="1-3"))
    assert replacement.of(session, new, endpoints.read(client, "tally")) is None
    promote(client, old, PLACEMENT)
    current = endpoints.read(client, "tally")
    replaced = replacement.of(session, new, current)
    assert replaced and replaced.old.version.arn == old
    assert len(replaced.objections()) == 1
    assert replacement.of(session, versions.describe(client, old), current) is None
