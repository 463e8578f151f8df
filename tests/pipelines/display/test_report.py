import base64
import errno
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from pipelines import evaluation_report
from pipelines.display import charts, markdown_summary, report, tables
from pipelines.executions.outcome import Outcome
from pipelines.executions.watch import LogEnding, Snapshot
from pipelines.serving.comparison import Compared
from tests.html_tables import check_phone, tables_of

Write = Callable[[], Path]


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_report_needs_no_other_file(
    snapshot: Snapshot, outcome: Outcome, tmp_path: Path
) -> None:
    plot = tmp_path / "confusion.png"
    Image.new("RGB", (8, 8), "teal").save(plot)
    page = report.render(snapshot, outcome, [plot])
    assert base64.b64encode(plot.read_bytes()).decode() in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "@import" not in page and "url(" not in page


def test_a_phone_shows_all_that_the_tables_hold(snapshot: Snapshot, outcome: Outcome) -> None:
    page = report.render(snapshot, outcome)
    check_phone(page)
    headings = [table.headings[0] for table in tables_of(page)]
    assert headings == ["step", "metric", "trial", "rule", "parameter"]


def test_the_reason_of_a_failed_trial_is_shown(snapshot: Snapshot, outcome: Outcome) -> None:
    first, *others = outcome.trials
    failed = replace(first, status="Failed", objective=None, metric="", failure="out of memory")
    page = report.render(snapshot, replace(outcome, trials=(failed, *others)))
    check_phone(page)
    trials = tables_of(page)[2]
    assert trials.headings[-3:] == ["validation accuracy", "duration", "failure"]
    assert [row[-1].text for row in trials.rows] == ["out of memory", "", ""]


def test_the_report_shows_results_and_next_steps(snapshot: Snapshot, outcome: Outcome) -> None:
    text = text_of(report.render(snapshot, outcome, []))
    for expected in (
        "While people look at 35.2 % (33 to 38) of the bins, 67.1 % (62 to 71) of the wrong",
        "48.0 % counted exactly 86.0 % at most one item off 0.71 items off on average 25 test",
        "cache hit",
        "0.00873",
        "NotApplicable no GPU was used",
        "accuracy counted exactly 48.0 ± 10.0 % 30.0 to 66.0 % the approved model: 44.0 %;",
        "1.02 ± 0.09 items 0.85 to 1.20 items always answering the mean, 2.99: 1.39 items;",
        "python pipeline.py approve 3",
    ):
        assert expected in text


def test_the_report_shows_the_findings_of_the_profile_and_links_to_it(
    snapshot: Snapshot, outcome: Outcome, tmp_path: Path
) -> None:
    profiled = replace(outcome, profile_findings=("The CPU was at 97 %.",))
    page = report.render(snapshot, profiled, [tmp_path / "profile.html"])
    assert "The CPU was at 97 %." in text_of(page)
    assert 'href="profile.html"' in page

    without = report.render(snapshot, profiled, [])
    assert "The CPU was at 97 %." in without and "profile.html" not in without
    assert "training spent its time" not in report.render(snapshot, outcome, [])


def test_a_picture_has_the_caption_that_the_evaluation_gives_it(
    snapshot: Snapshot, outcome: Outcome, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("suspects.png", "new_plot.png", "confusion.png")]
    for file in files:
        Image.new("RGB", (8, 8), "teal").save(file)
    page = report.render(snapshot, outcome, [*files, tmp_path / "evaluation.html"])
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert captions[0] == "new plot", "what the evaluation does not name comes first"
    assert captions[1].startswith("Confusion matrix.")
    assert captions[2].startswith("Training images whose labels look wrong")
    assert page.count('<figure class="wide">') == 1
    assert 'href="evaluation.html"' in page


def test_a_metric_that_evaluate_adds_is_shown_everywhere(
    snapshot: Snapshot, outcome: Outcome
) -> None:
    """One entry of evaluation.json, and nothing else: status, report, summary and models."""
    assert outcome.evaluation and outcome.version
    version, document = outcome.version, outcome.evaluation.document
    accuracy, *others = document["tally"]["metrics"]
    added = {
        "name": "overcounted", "label": "overcounted", "description": "counted too high",
        "headline": True, "value": 0.125, "short": "12.5 %", "text": "12.5 ± 2.5 %",
        "interval": "10.0 to 20.0 %", "comparison": "always 9: 75.0 %",
    }  # fmt: skip
    tally = {**document["tally"], "metrics": [accuracy, *others, added]}
    extended = evaluation_report.read({**document, "tally": tally})
    outcome = replace(outcome, evaluation=extended)
    row = "overcounted 12.5 ± 2.5 % 10.0 to 20.0 % always 9: 75.0 %"

    assert row in on_terminal(*tables.status(snapshot, outcome))
    page = text_of(report.render(snapshot, outcome, []))
    assert row.replace("overcounted", "overcounted counted too high") in page
    assert "12.5 % counted too high" in page
    summary = markdown_summary.render(snapshot, outcome)
    assert "| overcounted | 12.5 ± 2.5 % | 10.0 to 20.0 % | always 9: 75.0 % |" in summary
    assert "12.5 ± 2.5 % counted too high." in summary
    models = on_terminal(tables.models([Compared(version, extended, False)]))
    assert "overcounted" in models and "12.5 %" in models


def on_terminal(*parts: Any) -> str:
    file = io.StringIO()
    out = Console(width=260, file=file, highlight=False)
    for part in parts:
        out.print(part)
    return " ".join(file.getvalue().split())


def test_the_report_of_a_failure_shows_the_reason_and_next_steps(
    snapshot: Snapshot, outcome: Outcome
) -> None:
    steps = tuple(
        replace(s, status="Failed", failure="accuracy 0.20 < 0.25 <b>") if s.name == "Train" else s
        for s in snapshot.execution.steps
    )
    failed = replace(snapshot.execution, status="Failed", failure="Train failed.", steps=steps)
    details = {**snapshot.details, "Train": "accuracy 0.20 < 0.25 <b>"}
    nothing = type(outcome)()
    page = report.render(
        replace(snapshot, execution=failed, details=details),
        nothing,
        [],
        [LogEnding("Train", "/aws/train job", ("epoch=1", "boom <b>"))],
    )
    assert "0.25 &lt;b&gt;" in page
    assert "/aws/train job" in page and "boom &lt;b&gt;" in page
    assert "python pipeline.py logs Train" in text_of(page)
    assert "No model version was registered" in text_of(page)


@pytest.mark.parametrize(
    ("approval", "command"),
    [
        ("PendingManualApproval", "approve 3 "),
        ("Approved", "predict IMAGE --expected 3"),
        ("Rejected", "start -p NAME=VALUE"),
    ],
)
def test_next_steps_follow_the_decision_on_the_version(
    snapshot: Snapshot, outcome: Outcome, approval: str, command: str
) -> None:
    assert outcome.version
    decided = replace(outcome, version=replace(outcome.version, approval=approval))
    page = re.sub("</?span>", "", report.render(snapshot, decided, []))
    pages = page.replace("</code>", " "), markdown_summary.render(snapshot, decided)
    assert all(f"python pipeline.py {command}" in page for page in pages)
    assert ("approve 3" in pages[0]) == (approval == "PendingManualApproval")


def test_a_version_that_was_deleted_since_is_not_denied(
    snapshot: Snapshot, outcome: Outcome
) -> None:
    deleted = replace(outcome, version=None)
    page = text_of(report.render(snapshot, deleted, []))
    assert "Model version 3 was registered, and deleted since." in page
    assert "3 model version registered, deleted since" in page
    for text in (page, markdown_summary.render(snapshot, deleted)):
        assert "No model version was registered" not in text


def test_the_markdown_summary_shows_results_and_next_steps(
    snapshot: Snapshot, outcome: Outcome
) -> None:
    text = markdown_summary.render(snapshot, outcome)
    decision = (
        "**While people look at 35.2 % (33 to 38) of the bins, 67.1 % (62 to 71) of the wrong"
    )
    exact = "25 test images: 48.0 ± 10.0 % counted exactly, 86.0 ± 7.0 % at most one"
    assert 0 < text.index(decision) < text.index(exact)
    assert "Model version 3 waits for approval" in text
    assert "| accuracy | 48.0 ± 10.0 % | 30.0 to 66.0 % | the approved model: 44.0 %;" in text
    assert "| Prepare | Processing | ✅ Succeeded | 9.4 s | cache hit" in text
    assert "Debug rules: 1 issue found" in text
    assert "lr 0.0041" in text


def test_the_markdown_summary_of_a_failure_shows_the_reason(
    snapshot: Snapshot, outcome: Outcome
) -> None:
    steps = tuple(
        replace(s, status="Failed") if s.name == "Train" else s for s in snapshot.execution.steps
    )
    failed = replace(snapshot.execution, status="Failed", failure="Train failed.", steps=steps)
    details = {**snapshot.details, "Train": "AlgorithmError: boom"}
    text = markdown_summary.render(
        replace(snapshot, execution=failed, details=details), type(outcome)()
    )
    assert "❌" in text and "**Train:** AlgorithmError: boom" in text
    assert f"python pipeline.py logs Train {failed.id}" in text


def test_every_step_that_ran_has_a_mark_inside_the_timeline(snapshot: Snapshot) -> None:
    chart = charts.timeline(snapshot.execution)
    assert chart and [mark.text for mark in chart.marks][-1] == "Deploy"
    assert all(mark.width >= 0.5 and mark.x + mark.width <= 100 for mark in chart.marks)


def test_the_trials_are_drawn_on_round_values(outcome: Outcome) -> None:
    chart = charts.trials_chart(outcome.trials)
    assert chart
    assert [tick.text for tick in chart.x_ticks] == ["0.002", "0.005", "0.01"]
    assert [tick.text for tick in chart.y_ticks] == ["0.38", "0.4", "0.42", "0.44", "0.46"]
    assert chart.y_label == "validation accuracy"


def test_trials_whose_scale_is_as_long_as_three_round_steps_are_drawn(outcome: Outcome) -> None:
    """15 of 58 images apart: the scale is 0.3 long, less what floating point loses of it."""
    one, two = outcome.trials[:2]
    found = [replace(one, objective=15 / 58), replace(two, objective=0.0)]
    chart = charts.trials_chart(found)
    assert chart
    ticks = [float(tick.text) for tick in chart.y_ticks]
    assert ticks == [0.0, 0.1, 0.2]


@pytest.fixture
def write(
    snapshot: Snapshot, outcome: Outcome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Write:
    """Writes the execution's report into tmp_path, without asking anybody."""
    monkeypatch.setattr("pipelines.executions.watch.snapshot", lambda *_: snapshot)
    monkeypatch.setattr("pipelines.executions.watch.log_endings", lambda *_: [])
    monkeypatch.setattr(
        "pipelines.executions.outcome.read", lambda *_: replace(outcome, evaluation_url="")
    )
    session: Any = SimpleNamespace(client=lambda _: None)
    return lambda: report.write(session, snapshot.execution.arn, tmp_path)


def test_a_report_replaces_an_earlier_one(write: Write, snapshot: Snapshot, tmp_path: Path) -> None:
    page = write()
    assert page == tmp_path / snapshot.execution.id / "report.html"
    (page.parent / "stale.png").touch()
    assert write() == page
    assert sorted(file.name for file in page.parent.iterdir()) == ["evaluation.json", "report.html"]
    assert list(tmp_path.iterdir()) == [page.parent]


def test_an_execution_without_an_evaluation_has_none_in_its_report(
    write: Write, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_evaluation = replace(outcome, evaluation=None, evaluation_url="")
    monkeypatch.setattr("pipelines.executions.outcome.read", lambda *_: no_evaluation)
    assert [file.name for file in write().parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr
)
@pytest.mark.parametrize("earlier", [True, False], ids=["earlier", "first"])
def test_a_report_that_cannot_be_finished_leaves_the_earlier_one(
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    earlier: bool,
    error: BaseException,
) -> None:
    if earlier:
        write().write_text("the earlier one")

    def content() -> dict[Path, bytes | None]:
        return {f: f.read_bytes() if f.is_file() else None for f in tmp_path.rglob("*")}

    def fail(*_: Any, **__: Any) -> None:
        raise error

    before = content()
    # evaluation.json is what is written last.
    monkeypatch.setattr("json.dumps", fail)
    with pytest.raises(type(error)):
        write()
    assert content() == before
