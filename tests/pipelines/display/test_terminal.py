"""What is shown on terminals of 80 columns and fewer."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from rich.console import Console

from pipelines.display import answers, comparisons, settings, tables, terminal
from pipelines.display.table import LONGEST_WORD
from pipelines.executions.advice import advise
from pipelines.executions.comparison import Run
from pipelines.executions.summary import Summary
from pipelines.executions.watch import LogEnding, Snapshot
from pipelines.parameters import Parameter
from pipelines.scoring.scores import Answer, Scores
from pipelines.serving.comparison import Compared
from pipelines.serving.prediction import Prediction
from pipelines.settings import listing
from tests.pipelines.finished_execution import PACKAGE

Shown = Callable[..., list[str]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Shows parts on a terminal of some columns and returns the lines."""

    def show(width: int, *parts: Any) -> list[str]:
        out = Console(
            width=width, file=io.StringIO(), highlight=False, force_terminal=True, color_system=None
        )
        monkeypatch.setattr(terminal, "console", lambda: out)
        terminal.show(*parts)
        assert isinstance(out.file, io.StringIO)
        return [line.rstrip() for line in out.file.getvalue().splitlines()]

    return show


@pytest.fixture
def model(outcome: Any) -> Compared:
    version = replace(outcome.version, note="reviewed by Ada")
    return Compared(version, outcome.evaluation, serving=False)


LONG_NAME = Summary(
    "8x2kq0wzv1ab", "demo-20261128-123412-12345", "Failed", datetime(2026, 11, 28, tzinfo=UTC),
    "Train: AlgorithmError: counts of the images do not match, exit code: 1",
    "bins-1a2b3c4d", {"AccuracyThreshold": "0.25", "Classes": "0-6+"},
)  # fmt: skip
PREDICTION = {"count": 3, "confidence": 0.55, "probabilities": {str(n): 0.2 for n in range(1, 6)}}


def parameter(name: str, default: str, text: str) -> Parameter:
    return Parameter(name, "String", default, text, "", accepts=lambda value: True)


@pytest.fixture
def parts(snapshot: Any, outcome: Any, model: Compared) -> list[Any]:
    """One of each table, with the long cells that met narrow terminals."""
    address = parameter("DataSource", "s3://bucket/" + "long/" * 12, "Bin images.")
    paths = ["00010.jpg", "/home/ada/warehouse/aisle-7/bin-images/00011.jpg"]
    record = {
        "or_more": True, "expected_count": 5.8, "expected_quantity": 3, "match_probability": 0.004,
        "verdict": "look", "reason": "the photo shows about 6 or more, the record says 3",
    }  # fmt: skip
    predicted = [Prediction(path, {**PREDICTION, **record}) for path in paths]
    unknown = Prediction("a.jpg", {**PREDICTION, "verdict": "cannot_judge", "reason": "no bin"})
    scored = Scores(1, (), {one.path: cast(Answer, one.answer) for one in predicted}, {})
    return [
        *tables.status(snapshot, outcome),
        tables.executions([LONG_NAME]),
        tables.executions([replace(LONG_NAME, name="", failure="")]),
        comparisons.chosen_models([model, model]),
        comparisons.runs([Run(snapshot.execution, outcome, {"Train loss": "coral"})] * 2),
        tables.models([model]),
        *answers.predictions([*predicted, unknown]),
        *answers.predictions([Prediction(path, PREDICTION) for path in paths]),
        *answers.predictions(predicted[:1]),
        *answers.scores(scored),
        tables.parameters([address]),
        tables.endpoint({"name": "tally", "model_package_arn": PACKAGE, "instance_count": 1}),
        *settings.render(listing.settings("local", "tuning")),
    ]


@pytest.mark.parametrize("width", [140, 80, 60, 40])
def test_no_table_is_wider_than_the_terminal(shown: Shown, parts: list[Any], width: int) -> None:
    lines = shown(width, *parts)
    commands = [line for line in lines if line.startswith("  python pipeline.py")]
    assert max(len(line) for line in lines if line not in commands) <= width


@pytest.mark.parametrize("width", [140, 80, 60, 40])
def test_no_word_is_broken(shown: Shown, parts: list[Any], width: int) -> None:
    """Neither a heading, nor a name, a number or a status; an address only at its separators."""
    whole = set(" ".join(shown(400, *parts)).split())
    lines = shown(width, *parts)
    pieces = {word for word in " ".join(lines).split() if word not in whole | {"…"}}
    addresses = [word for word in whole if len(word) > min(LONGEST_WORD, width - 4)]
    for piece in pieces:
        assert any(piece in address for address in addresses), piece
        ends = [address.endswith(piece) for address in addresses if piece in address]
        assert piece[-1] in "/:.-_=" or any(ends), piece
    # What a narrow terminal leaves out is never a name or a status.
    names = ("batch-size", "AccuracyTooLow", "PendingManualApproval", "demo-20261128-123412-12345")
    cells = ("accuracy", "0.008731", "Succeeded", "00010.jpg")
    assert {*names, *cells, *(["RegisterModel"] if width >= 80 else [])} <= whole - pieces
    assert {*names, *cells} <= set(" ".join(lines).split())


@pytest.mark.parametrize("width", [140, 80, 60])
def test_no_number_is_apart_from_its_unit(shown: Shown, parts: list[Any], width: int) -> None:
    beginnings = {line.split()[0] for line in shown(width, *parts) if line}
    assert not beginnings & {"%", "±", "%;", "%."}


def test_verdict_probability_and_reason_are_readable_at_80_columns(
    shown: Shown, parts: list[Any]
) -> None:
    text = "\n".join(shown(80, *parts))
    assert re.search(r"^00010.jpg +3 or more +55% +5.8 +LOOK +<1%$", text, re.MULTILINE)
    assert re.search(r"^a.jpg +3 +55% +CANNOT JUDGE$", text, re.MULTILINE)
    assert "00010.jpg: LOOK, the photo shows about 6 or more, the record says 3." in text
    assert "a.jpg: CANNOT JUDGE, no bin." in text


def test_a_narrow_terminal_leaves_out_what_matters_least(shown: Shown, model: Compared) -> None:
    *heading, _, row = shown(80, tables.models([model]))
    assert "accuracy" in " ".join(heading) and "note" not in " ".join(heading)
    assert row.split()[2] == "1-3" and row.split()[4:8] == ["48.0", "%", "86.0", "%"]
    middle = shown(130, tables.models([model]))
    assert "decision" in middle[0] and "macro" not in middle[0]
    assert "looks at 35.2 %, finds 67.1 %, 95.3 % right" in middle[-1]
    wide = " ".join(shown(260, tables.models([model]))[:2])
    assert "calibration error" in wide and "note" in wide


@pytest.mark.parametrize("width", [100, 80])
def test_chosen_versions_stand_beside_each_other_with_their_differences_marked(
    shown: Shown, model: Compared, width: int
) -> None:
    training = {"training_images": 180, "hyperparameters": {"lr": 0.0123456, "batch-size": 16}}
    older = replace(model, training=training, serving=True)
    newer = replace(model, version=replace(model.version, version=4))
    lines = shown(width, comparisons.chosen_models([older, newer]))
    assert re.split("  +", lines[0].strip()) == ["version 3, serving", "version 4"]
    rows = {re.split("  +", line)[0]: re.split("  +", line)[1:] for line in lines[2:]}
    assert rows["counts"] == ["1-3", "1-3"]
    assert rows["images learned from"] == ["180", "-", "≠"]
    assert rows["training"] == ["lr 0.01235, batch 16", "-", "≠"]
    assert rows["accuracy"] == ["48.0 % (30.0 to 66.0)", "48.0 % (30.0 to 66.0)"]


def test_a_phone_shows_status_and_detail_of_each_step_below_each_other(
    shown: Shown, snapshot: Any
) -> None:
    lines = shown(40, terminal.steps(snapshot))
    at = lines.index("Tune  Succeeded")
    assert lines[at + 1 : at + 3] == ["  3 of 3 trials, best", "  validation:accuracy 0.471"]


def test_the_list_of_executions_fits_with_data_and_changed_parameters(shown: Shown) -> None:
    succeeded = replace(LONG_NAME, name="", failure="")
    heading, _, *row = shown(80, tables.executions([succeeded]))
    assert heading.split() == ["execution", "status", "started", "data", "changed", "parameters"]
    assert " ".join(row).split()[-3:] == ["bins-1a2b3c4d", "AccuracyThreshold=0.25", "Classes=0-6+"]


@pytest.mark.parametrize("width", [80, 60])
def test_a_running_step_has_one_line_with_its_status_whole(
    shown: Shown, snapshot: Any, width: int
) -> None:
    lines = shown(width, terminal.steps(snapshot, one_line=True))
    assert len(lines) == 2 + len(snapshot.execution.steps)
    assert "Succeeded" in lines[2] and lines[2].endswith("  cache hit: took the …")


@pytest.mark.parametrize("width", [80, 60])
def test_the_progress_of_a_running_step_is_read_between_words(
    monkeypatch: pytest.MonkeyPatch, snapshot: Any, width: int
) -> None:
    out = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    monkeypatch.setattr(terminal, "console", lambda: out)
    detail = (
        "trial 2 of 3: epoch 1 of 3, step 120 of 340, loss 1.600, about 4 min left; best "
        "validation:accuracy 0.527"
    )
    steps = tuple(
        replace(step, status="Executing") if step.name == "Tune" else step
        for step in snapshot.execution.steps
    )
    running = replace(snapshot.execution, status="Executing", steps=steps)
    terminal.show_live([Snapshot(running, {**snapshot.details, "Tune": detail})])
    assert isinstance(out.file, io.StringIO)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.file.getvalue())
    lines = [line.rstrip() for line in text.splitlines()]
    assert max(map(len, lines)) <= width
    at = next(at for at, line in enumerate(lines) if line.startswith("Tune: "))
    assert " ".join(lines[at:]).startswith(f"Tune: {detail}")


def test_a_long_default_stands_with_the_meaning_of_the_parameter(shown: Shown) -> None:
    long = parameter("DataSource", "s3://some-bucket/with/a/folder", "Bin images.")
    short = parameter("Seed", "0", "Random seed.")
    text = shown(80, tables.parameters([long, short]))
    assert re.split("  +", text[2]) == [
        "DataSource", "…", "Bin images. Default: s3://some-bucket/with/a/folder",
    ]  # fmt: skip
    assert re.split("  +", text[3]) == ["Seed", "0", "Random seed."]


def test_sentences_are_wrapped_between_words(shown: Shown, snapshot: Any, outcome: Any) -> None:
    failed = replace(snapshot.execution, failure="Step failure: " + 20 * "some words ")
    lines = shown(80, *tables.status(replace(snapshot, execution=failed), outcome))
    start = next(at for at, line in enumerate(lines) if line.startswith("Failed because"))
    assert lines[start].endswith((" some", " words")) and len(lines[start]) <= 80


def test_commands_stay_whole_and_are_explained_below_where_there_is_no_room(
    shown: Shown, snapshot: Any, outcome: Any
) -> None:
    steps = terminal.NextSteps(advise(snapshot.execution, outcome))
    command = f"  python pipeline.py report {snapshot.execution.id}"
    assert f"{command}   # write an HTML report" in shown(80, steps)
    lines = shown(36, steps)
    at = lines.index(command)
    assert len(command) > 36 and lines[at + 1] == "      # write an HTML report"


def test_a_failure_names_the_step_its_reason_and_the_end_of_its_log(
    snapshot: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = tuple(
        replace(s, status="Failed") if s.name == "Train" else s for s in snapshot.execution.steps
    )
    failed = replace(snapshot.execution, status="Failed", steps=steps)
    now = replace(snapshot, execution=failed, details={"Train": "AlgorithmError: boom"})
    terminal.show_failure(now, [LogEnding("Train", "/aws/train job", ("epoch=1", "boom"))])
    assert capsys.readouterr().err.splitlines() == [
        f"Execution {failed.id} Failed.",
        "Train: AlgorithmError: boom",
        "",
        "The last lines of Train (log /aws/train job):",
        "  epoch=1",
        "  boom",
    ]
