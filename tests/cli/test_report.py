import base64
import re
from dataclasses import replace

from PIL import Image

from model_registry.versions import ModelVersion
from pipelines import report, summary


def version(look, approval="PendingManualApproval"):
    when = look.execution.started
    arn = look.execution.step("Register").job_arn
    return ModelVersion("tally", 3, arn, approval, when, when, "s3://m/model.tar.gz", "", "")


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_report_needs_no_other_file(look, outcome, tmp_path):
    plot = tmp_path / "confusion.png"
    Image.new("RGB", (8, 8), "teal").save(plot)
    page = report.render(look, outcome, [plot], version(look))
    assert base64.b64encode(plot.read_bytes()).decode() in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "@import" not in page and "url(" not in page


def test_the_report_says_what_came_out_and_what_to_do(look, outcome):
    said = text_of(report.render(look, outcome, [], version(look)))
    for expected in (
        "48.0 % of the test images counted exactly",
        "cache hit",
        "0.00873",
        "NotApplicable no GPU was used",
        "majority class accuracy 0.200",
        "the model approved before accuracy 0.440",
        "python pipeline.py approve 3",
    ):
        assert expected in said


def test_the_report_of_a_failure_says_why_and_how_to_go_on(look, outcome):
    steps = tuple(
        replace(s, status="Failed", failure="accuracy 0.20 < 0.25 <b>") if s.name == "Train" else s
        for s in look.execution.steps
    )
    failed = replace(look.execution, status="Failed", failure="Train failed.", steps=steps)
    details = {**look.details, "Train": "accuracy 0.20 < 0.25 <b>"}
    nothing = type(outcome)()
    page = report.render(replace(look, execution=failed, details=details), nothing, [], None)
    assert "0.25 &lt;b&gt;" in page
    assert "python pipeline.py logs Train" in text_of(page)
    assert "No model version was registered" in text_of(page)


def test_the_markdown_summary_names_the_version_and_the_metrics(look, outcome):
    said = summary.markdown(look, outcome)
    assert "**Model version 3 was registered**" in said
    assert "| accuracy | 0.480 |" in said
    assert "| Prepare | Processing | Succeeded | 9.4 s | cache hit" in said
    assert "lr 0.0041" in said
