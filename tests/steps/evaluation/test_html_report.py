"""evaluation.html: what a person reads of an evaluation, in words and numbers of the document."""

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evaluation import html_report
from tests.html_tables import check_phone, tables_of

DOCUMENT = Path(__file__).parents[2] / "evaluation.json"


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    """What Evaluate wrote, and its pictures in tmp_path."""
    document: dict[str, Any] = json.loads(DOCUMENT.read_text())
    for picture in document["tally"]["pictures"]:
        file = tmp_path / picture["file"]
        file.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), "teal").save(file)
    return document


def words(document: dict[str, Any], output: Path) -> str:
    page = html_report.render(document, output)
    text = re.sub(r"<(style|title).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_headline_metrics_stand_first_in_plain_words(
    document: dict[str, Any], tmp_path: Path
) -> None:
    assert (
        "48.0 % counted exactly 86.0 % at most one item off 0.71 items off on average Metrics"
    ) in words(document, tmp_path)


def test_what_the_decision_does_stands_before_everything_else(
    document: dict[str, Any], tmp_path: Path
) -> None:
    text = words(document, tmp_path)
    assert text.startswith("How well the model counts Evaluated on 25 test images")
    decision = text.index(f"What the decision does {document['tally']['decision']['sentence']}")
    assert decision < text.index("48.0 % counted exactly")


def test_every_metric_stands_beside_its_interval_and_baselines(
    document: dict[str, Any], tmp_path: Path
) -> None:
    text = words(document, tmp_path)
    assert "Evaluated on 25 test images that it was not trained on. Its counts: 1, 2, 3." in text
    assert (
        "accuracy counted exactly 48.0 % 30.0 to 66.0 % the approved model: 44.0 %; difference "
        "+4.0 points (-12.0 to +20.0); always answering 2: 22.2 %"
    ) in text
    assert "1.02 items 0.85 to 1.20 items always answering the mean, 2.99: 1.39 items" in text
    assert "0.071 0.040 to 0.150 before temperature scaling (0.75): 0.098" in text
    assert "Intervals are percentiles over 2000 bootstrap samples of the test images." in text


def test_a_metric_that_is_added_is_shown(document: dict[str, Any], tmp_path: Path) -> None:
    accuracy = document["tally"]["metrics"][0]
    added = {"label": "overcounted", "description": "counted too high", "short": "12.5 %"}
    document["tally"]["metrics"].append({**accuracy, **added})
    text = words(document, tmp_path)
    assert "12.5 % counted too high" in text
    assert "overcounted counted too high 12.5 % 30.0 to 66.0 %" in text


def test_each_kind_of_wrong_record_and_other_rates_are_shown(
    document: dict[str, Any], tmp_path: Path
) -> None:
    decision = document["tally"]["decision"]
    decision["kinds"]["exchanged"] |= {
        "share": 0.2, "found_share": {"value": 0.8, "low": 0.7, "high": 0.9},
    }  # fmt: skip
    decision["kinds"]["exchanged"]["auc"]["items"] = {"value": None}
    decision["other_rates"][0] |= {
        "record_error_rate": 0.02, "looked": {"value": 0.25, "low": 0.2, "high": 0.3},
    }  # fmt: skip
    text = words(document, tmp_path)
    assert "the record is another bin's 20 % 80.0 % (70 to 90)" in text
    of_areas = text[text.index("told from right ones: AUC") :]
    assert of_areas[of_areas.index("another bin's") :][:90].rstrip().count("not known") == 1
    assert "2 % 25.0 % (20 to 30)" in text


def test_an_unknown_decision_is_said_to_be_so(document: dict[str, Any], tmp_path: Path) -> None:
    unknown = "What the decision does is not known: the model was trained without a rule"
    document["tally"]["decision"] |= {
        "left_out": "it", "sentence": unknown, "kinds": {}, "other_rates": [], "fitted": None,
    }  # fmt: skip
    document["tally"] |= {"not_bins": None}
    document["tally"]["one_to_five"] |= {"photo": None}
    text = words(document, tmp_path)
    assert unknown in text
    assert "Which wrong records are found" not in text


def test_missing_slices_and_pictures_are_named_with_the_reason(
    document: dict[str, Any], tmp_path: Path
) -> None:
    assert "No picture of where the model looks" not in words(document, tmp_path)
    document["tally"]["grad_cam"]["left_out"] = "the network has no <maps>"
    text = words(document, tmp_path)
    assert "No slices by item volume: the manifest does not hold it." in text
    assert "No picture of where the model looks: the network has no <maps>." in text
    assert "<maps>" not in html_report.render(document, tmp_path)


def test_the_page_holds_its_pictures_and_needs_no_other_file(
    document: dict[str, Any], tmp_path: Path
) -> None:
    page = html_report.render(document, tmp_path)
    sources = re.findall(r'src="([^"]*)"', page)
    assert sources == [
        "data:image/png;base64," + base64.b64encode((tmp_path / file).read_bytes()).decode()
        for file in ("plots/confusion.png", "suspects.png")
    ]
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_a_phone_shows_all_that_the_tables_hold(document: dict[str, Any], tmp_path: Path) -> None:
    page = html_report.render(document, tmp_path)
    check_phone(page)
    assert len(tables_of(page)) == 6
