"""evaluation.html: what a person reads of an evaluation, in words and numbers of the document."""

import base64
import html
import re
from copy import deepcopy

import pytest
from PIL import Image

from evaluation import html_report

SPAN = {"value": 0.6, "low": 0.5, "high": 0.7}
DOCUMENT = {
    "multiclass_classification_metrics": {"accuracy": {"value": 0.44}},
    "regression_metrics": {"rmse": {"value": 1.039}, "mae": {"value": 0.716}},
    "tally": {
        "test_images": 662,
        "classes": [1, 2, 3],
        "within_one_accuracy": {"value": 0.867},
        "macro_f1": {"value": 0.456},
        "calibration_error": {"value": 0.034},
        "intervals": {
            "method": "percentiles over 1000 samples",
            "accuracy": {"low": 0.402, "high": 0.477},
            "difference": {"low": -0.01, "high": 0.06},
        },
        "baselines": {
            "majority_class": {"count": 3, "accuracy": {"value": 0.26}},
            "mean_count": {"count": 3.13, "rmse": {"value": 1.266}},
        },
        "approved": {"present": False},
        "calibration": {"temperature": 0.75, "before": 0.068},
        "slices": {"left_out": {"light": "the manifest says nothing of it"}},
        "attention": {"left_out": ""},
        "verification": {
            "wanted_precision": 0.95,
            "books_wrong": 0.1,
            "threshold": 0.3,
            "threshold_from": "validation",
            "choosing_images": 663,
            "passed": SPAN,
            "precision": {"value": 0.949, "low": 0.944, "high": 0.953},
            "other_shares": [
                {"books_wrong": 0.02, "threshold": None, "passed": {"value": 0.0},
                 "precision": {"value": None}, "wrong_passed": {"value": 0.0}},
                {"books_wrong": 0.2, "threshold": 0.412, "passed": SPAN, "precision": SPAN,
                 "wrong_passed": {"value": 0.25}},
            ],
        },
    },
}  # fmt: skip


def words(document, output) -> str:
    text = re.sub(
        r"<(style|title).*?</\1>", " ", html_report.render(document, output), flags=re.DOTALL
    )
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.fixture
def document():
    return deepcopy(DOCUMENT)


def test_the_metrics_stand_beside_their_intervals_and_baselines(document, tmp_path):
    said = words(document, tmp_path)
    assert "Judged on 662 test images that it never learnt from; it counts 1, 2, 3." in said
    assert "44.0 % counted exactly 86.7 % at most one item off 0.72 items off on average" in said
    assert "counted exactly 44.0 % 40.2 % to 47.7 % always 3: 26.0 %" in said
    assert "RMSE, in items 1.039 always 3.13: 1.266" in said
    assert "calibration error 0.034 before temperature scaling (0.75): 0.068" in said
    assert "Intervals are percentiles over 1000 samples." in said


def test_an_approved_model_is_compared_with(document, tmp_path):
    approved = {"present": True, "accuracy": {"value": 0.415}, "difference": {"value": 0.025}}
    document["tally"]["approved"] = approved | {"only_unseen": False, "decides": True}
    said = words(document, tmp_path)
    assert "the approved model: 41.5 %; difference: +2.5 points (-1.0 to +6.0)" in said
    document["tally"]["approved"]["decides"] = False
    assert (
        "41.5 % (it has learnt from nearly all of these bins, so this decides nothing);"
        in words(document, tmp_path)
    )


def test_both_models_are_named_with_the_images_that_they_are_compared_on(document, tmp_path):
    """44.0 % of all 662 images: from that, 41.5 % and +4.5 points would not add up."""
    document["tally"]["approved"] = {
        "present": True, "accuracy": {"value": 0.415}, "candidate_accuracy": {"value": 0.46},
        "difference": {"value": 0.045}, "images": 500, "only_unseen": True, "decides": True,
    }  # fmt: skip
    assert (
        "the approved model: 41.5 %, this one 46.0 %, on the 500 images that neither has learnt "
        "from; difference: +4.5 points (-1.0 to +6.0)" in words(document, tmp_path)
    )


def test_the_owners_question_is_answered_for_other_shares_of_wrong_books_too(document, tmp_path):
    said = words(document, tmp_path)
    assert (
        "60.0 % (50 to 70) of the bins can pass without a person, of these 94.9 % (94 to 95)"
        in said
    )
    assert "2 % none 0.0 % none 0.0 %" in said
    assert "20 % 0.412 60.0 % (50 to 70) 60.0 % (50 to 70) 25.0 %" in said
    assert "chosen on 663 validation images for 95 % right books" in said


def test_what_is_left_out_is_said_and_why(document, tmp_path):
    assert "No picture of where it looks" not in words(document, tmp_path)
    document["tally"]["attention"]["left_out"] = "the network has no <maps>"
    said = words(document, tmp_path)
    assert "No slices by light: the manifest says nothing of it." in said
    assert "No picture of where it looks: the network has no <maps>." in said
    assert "<maps>" not in html_report.render(document, tmp_path)


def test_the_pictures_are_in_the_page(document, tmp_path):
    (tmp_path / "plots").mkdir()
    for place in ("plots/confusion.png", "plots/mistakes.png", "suspects.png"):
        Image.new("RGB", (8, 8), "teal").save(tmp_path / place)
    found = html_report.render(document, tmp_path)
    sources = re.findall(r'src="([^"]*)"', found)
    assert sources == [
        "data:image/png;base64," + base64.b64encode((tmp_path / place).read_bytes()).decode()
        for place in ("plots/confusion.png", "plots/mistakes.png", "suspects.png")
    ]
    assert not re.findall(r'(?:src|href)="(?!data:)', found)
