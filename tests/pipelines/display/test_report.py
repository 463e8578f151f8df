import base64
import errno
import io
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from rich.console import Console

from pipelines.display import charts, markdown_summary, report, tables, terminal
from pipelines.executions.watch import LastWords

ROOT = Path(__file__).resolve().parents[3]


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_report_needs_no_other_file(look, outcome, tmp_path):
    plot = tmp_path / "confusion.png"
    Image.new("RGB", (8, 8), "teal").save(plot)
    page = report.render(look, outcome, [plot])
    assert base64.b64encode(plot.read_bytes()).decode() in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "@import" not in page and "url(" not in page


@pytest.mark.parametrize(
    "page",
    [
        "pipelines/display/templates/report.html.j2",
        "steps/evaluation/html_report.py",
        "steps/training/watch/profiling/profile.html.j2",
    ],
)
def test_on_a_phone_tables_scroll_in_their_box_and_no_column_is_wider_than_it(page):
    written = (ROOT / page).read_text()
    assert written.count('<div class="scroll"><table>') == written.count("<table") > 0
    assert ".scroll { overflow-x: auto; }" in written
    # A name in a table is not broken into a column of letters: the table scrolls.
    assert "<code>" not in written or "td code { overflow-wrap: normal; }" in written
    # What a section has inside on a screen of 360 pixels; min(340px, 100%) is never wider.
    assert all(int(width) <= 270 for width in re.findall(r"minmax\((\d+)px", written))


def test_the_report_says_what_came_out_and_what_to_do(look, outcome):
    said = text_of(report.render(look, outcome, []))
    for expected in (
        "48.0 % of the test images counted exactly",
        "cache hit",
        "0.00873",
        "NotApplicable no GPU was used",
        "accuracy 0.480 ± 0.100 the approved model: 0.440; always answer 2: 0.222",
        "rmse 1.020 always answer the mean, 2.99: 1.388",
        "test images 25",
        "python pipeline.py approve 3",
    ):
        assert expected in said


def test_the_report_says_where_the_time_went_and_leads_to_the_profile(look, outcome, tmp_path):
    profiled = replace(outcome, training={"profile": {"findings": ["The CPU was at 97 %."]}})
    page = report.render(look, profiled, [], profile=tmp_path / "profile.html")
    assert "The CPU was at 97 %." in text_of(page)
    assert 'href="profile.html"' in page

    without = report.render(look, profiled, [])
    assert "The CPU was at 97 %." in without and "profile.html" not in without
    assert "training's time went" not in report.render(look, outcome, [])


VERIFICATION = {
    "books_wrong": 0.1,
    "wanted_precision": 0.95,
    "threshold": 0.4,
    "passed": {"value": 0.31, "low": 0.25, "high": 0.38},
    "precision": {"value": 0.947, "low": 0.92, "high": 0.97},
}


@pytest.fixture
def judged(outcome):
    """An outcome whose evaluation knows intervals and verification."""
    tally = {
        **outcome.evaluation["tally"],
        "verification": VERIFICATION,
        "intervals": {"level": 0.95, "accuracy": {"low": 0.3, "high": 0.66}},
    }
    return replace(outcome, evaluation={**outcome.evaluation, "tally": tally})


def test_the_report_says_how_many_bins_can_pass_and_how_sure_that_is(look, judged, tmp_path):
    suspects = tmp_path / "suspects.png"
    Image.new("RGB", (8, 8), "teal").save(suspects)
    page = report.render(look, judged, [suspects], evaluation=tmp_path / "evaluation.html")
    said = text_of(page)
    assert "Aiming at 95 % precision, 31 % (25 to 38) of the bins can pass without a person" in said
    assert "95 % (92 to 97) had right books" in said
    assert "0.480 ± 0.100 0.300 to 0.660" in said
    assert 'href="evaluation.html"' in page
    assert "Training images whose labels look wrong, with the probability of the label." in said

    tally = judged.evaluation["tally"]
    tally["verification"] = {**VERIFICATION, "threshold": None, "passed": {"value": 0.0}}
    assert "no bin can pass without a person" in text_of(report.render(look, judged, []))


def test_what_the_approved_model_is_compared_on_is_said_where_it_is_not_every_image(look, judged):
    judged.evaluation["tally"]["approved"] = {
        "present": True, "accuracy": {"value": 0.2}, "candidate_accuracy": {"value": 0.5},
        "images": 30, "only_unseen": True,
    }  # fmt: skip
    assert (
        "the approved model: 0.200, this one 0.500, on the 30 images that neither has learnt from"
        in text_of(report.render(look, judged, []))
    )
    judged.evaluation["tally"]["approved"] |= {"only_unseen": False, "decides": False}
    assert (
        "the approved model: 0.200, which has learnt from nearly all of these bins, so this decides"
        in text_of(report.render(look, judged, []))
    )


def test_terminal_and_summary_say_so_too(look, judged):
    out = Console(width=160, file=io.StringIO(), highlight=False)
    out.print(*tables.status(look, judged))
    said = " ".join(out.file.getvalue().split())
    assert "accuracy 0.480 ± 0.100 0.300 to 0.660 the approved model: 0.440" in said
    assert "31 % (25 to 38) of the bins can pass without a person" in said
    said = markdown_summary.render(look, judged)
    assert "| accuracy | 0.480 ± 0.100 | 0.300 to 0.660 | the approved model: 0.440; always" in said
    assert "31 % (25 to 38) of the bins can pass without a person" in said


def test_the_report_of_a_failure_says_why_and_how_to_go_on(look, outcome):
    steps = tuple(
        replace(s, status="Failed", failure="accuracy 0.20 < 0.25 <b>") if s.name == "Train" else s
        for s in look.execution.steps
    )
    failed = replace(look.execution, status="Failed", failure="Train failed.", steps=steps)
    details = {**look.details, "Train": "accuracy 0.20 < 0.25 <b>"}
    nothing = type(outcome)()
    page = report.render(
        replace(look, execution=failed, details=details),
        nothing,
        [],
        [LastWords("Train", "/aws/train job", ("epoch=1", "boom <b>"))],
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
def test_what_to_do_next_follows_the_decision(look, outcome, approval, command):
    decided = replace(outcome, version=replace(outcome.version, approval=approval))
    pages = report.render(look, decided, []), markdown_summary.render(look, decided)
    assert all(f"python pipeline.py {command}" in page for page in pages)
    assert ("approve 3" in pages[0]) == (approval == "PendingManualApproval")


def test_the_markdown_summary_says_what_came_out_and_what_waits(look, outcome):
    said = markdown_summary.render(look, outcome)
    assert "Of 25 test images it counted 48.0 % (± 10.0) exactly and 86.0 % to within" in said
    assert "Model version 3 waits for approval" in said
    assert "| accuracy | 0.480 ± 0.100 | the approved model: 0.440; always" in said
    assert "| Prepare | Processing | ✅ Succeeded | 9.4 s | cache hit" in said
    assert "Debug rules: 1 issue found" in said
    assert "lr 0.0041" in said


def test_the_markdown_summary_of_a_failure_says_why(look, outcome):
    steps = tuple(
        replace(s, status="Failed") if s.name == "Train" else s for s in look.execution.steps
    )
    failed = replace(look.execution, status="Failed", failure="Train failed.", steps=steps)
    details = {**look.details, "Train": "AlgorithmError: boom"}
    said = markdown_summary.render(
        replace(look, execution=failed, details=details), type(outcome)()
    )
    assert "❌" in said and "**Train:** AlgorithmError: boom" in said
    assert f"python pipeline.py logs Train {failed.id}" in said


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_tables_fit_the_terminal(look, outcome, judged, width):
    out = Console(width=width, file=io.StringIO(), highlight=False)
    out.print(tables.trials(outcome), tables.metrics(judged.evaluation), terminal.steps(look))
    said = out.file.getvalue()
    assert max(map(len, said.splitlines())) <= width
    for whole in ("0.008731", "38 s", "0.480 ± 0.100", "RegisterModel", "Succeeded"):
        assert whole in said


def test_the_trials_are_drawn_on_round_values(outcome):
    chart = charts.trials_chart(outcome.trials)
    assert [tick.text for tick in chart.x_ticks] == ["0.002", "0.005", "0.01"]
    assert [tick.text for tick in chart.y_ticks] == ["0.38", "0.4", "0.42", "0.44", "0.46"]
    assert chart.y_label == "validation accuracy"


def test_trials_whose_scale_is_as_long_as_three_round_steps_are_drawn(outcome):
    """15 of 58 images apart: the scale is 0.3 long, less what floating point loses of it."""
    one, two = outcome.trials[:2]
    found = [replace(one, objective=15 / 58), replace(two, objective=0.0)]
    ticks = [float(tick.text) for tick in charts.trials_chart(found).y_ticks]
    assert ticks == [0.0, 0.1, 0.2]


@pytest.fixture
def write(look, outcome, monkeypatch, tmp_path):
    """Writes the execution's report into tmp_path, without asking anybody."""
    monkeypatch.setattr(report.watch, "look", lambda *_: look)
    monkeypatch.setattr(report.watch, "last_words", lambda *_: [])
    monkeypatch.setattr(report.outcomes, "read", lambda *_: replace(outcome, evaluation_url=""))
    session = SimpleNamespace(client=lambda _: None)
    return lambda: report.write(session, look.execution.arn, tmp_path)


def test_a_report_takes_the_place_of_an_earlier_one(write, look, tmp_path):
    page = write()
    assert page == tmp_path / look.execution.id / "report.html"
    (page.parent / "stale.png").touch()
    assert write() == page
    assert sorted(file.name for file in page.parent.iterdir()) == ["evaluation.json", "report.html"]
    assert list(tmp_path.iterdir()) == [page.parent]


def test_an_execution_without_an_evaluation_has_none_in_its_report(write, outcome):
    outcome.evaluation.clear()
    assert [file.name for file in write().parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr
)
@pytest.mark.parametrize("earlier", [True, False], ids=["earlier", "first"])
def test_a_report_that_cannot_be_finished_leaves_what_was_there(
    write, tmp_path, monkeypatch, earlier, error
):
    if earlier:
        write().write_text("the earlier one")

    def there():
        return {f: f.read_bytes() if f.is_file() else None for f in tmp_path.rglob("*")}

    def fail(*_, **__):
        raise error

    before = there()
    # evaluation.json is what is written last.
    monkeypatch.setattr(report.json, "dumps", fail)
    with pytest.raises(type(error)):
        write()
    assert there() == before
