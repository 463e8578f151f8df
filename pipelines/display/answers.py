"""The model's answers in plain words: of `predict` one by one, of `score` together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from pipelines.display.formatting import STYLES
from pipelines.display.paths import shorten
from pipelines.display.table import Column, FittedTable
from pipelines.scoring.scores import (
    CANNOT_JUDGE,
    LOOK,
    LOW_CONFIDENCE,
    PASS,
    Scores,
    count_name,
)
from pipelines.serving.prediction import Prediction

WORDS = {PASS: "PASS", LOOK: "LOOK", CANNOT_JUDGE: "CANNOT JUDGE"}
LONGEST_PATH = 28  # columns of an image's path; of a longer one the end is shown
LONGEST_BESIDE = 20  # the same where much stands beside it
SHOWN = 10  # bins to look at that `score` shows; the CSV file lists all


def predictions(answers: Iterable[Prediction]) -> list[RenderableType]:
    """The endpoint's answers: one photo in full, several in a table with the reasons below."""
    answers = list(answers)
    if len(answers) == 1:
        return [_in_full(answers[0])]
    if not any("verdict" in one.answer for one in answers):
        return [_counted(answers)]
    names = shorten([one.path for one in answers], LONGEST_PATH)
    reasons = [_reason(names[one.path], one) for one in answers if "verdict" in one.answer]
    return [_judged(answers), Text("\n").join(reasons)]


def scores(scored: Scores) -> list[RenderableType]:
    """How many images show each count, and the bins that a person should look at first."""
    rows = []
    for name, images in scored.counts.items():
        of_count = [a for a in scored.answers.values() if count_name(a) == name]
        low = sum(a["confidence"] < LOW_CONFIDENCE for a in of_count)
        rows.append([name, str(images), f"{images / len(scored.answers):.0%}", str(low)])
    headings = ("items counted", "images", "share", f"confidence below {LOW_CONFIDENCE:.0%}")
    counts = FittedTable([Column(heading, right=True, whole=True) for heading in headings], rows)
    suspects = [name for name in scored.ranked if scored.answers[name].get("verdict") == LOOK]
    if not suspects:
        return [counts]
    names = shorten(suspects[:SHOWN], LONGEST_PATH)
    rows = [
        [names[name], _match(scored.answers[name]), scored.answers[name]["reason"]]
        for name in names
    ]
    columns = [
        Column("look at"),
        Column("record is right", right=True, whole=True),
        Column("reason"),
    ]
    return [counts, FittedTable(columns, rows)]


def _in_full(one: Prediction) -> FittedTable:
    """Everything about one photo, a line for each thing."""
    answer = one.answer
    lines = [("count", _count(answer)), *_estimates(answer)]
    if alone := answer.get("photo_alone"):
        lines.append(("by the photo alone", f"{_count(alone)} ({_share(alone['confidence'])})"))
    if "expected_quantity" in answer:
        lines.append(("on record", str(answer["expected_quantity"])))
    if "verdict" in answer:
        lines += [("verdict", _verdict(answer)), ("record is right", _match(answer))]
        lines.append(("reason", answer["reason"]))
    columns = (Column("image", whole=True), Column(one.path))
    return FittedTable(columns, [line for line in lines if line[1]])


def _estimates(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    shares = answer.get("probabilities", {}).items()
    return [
        ("confidence", _share(answer["confidence"])),
        ("expected count", _expected(answer)),
        ("probabilities", "  ".join(f"{count}:{_share(share)}" for count, share in shares)),
    ]


def _counted(answers: Sequence[Prediction]) -> FittedTable:
    names = shorten([one.path for one in answers], LONGEST_BESIDE)
    rows = []
    for one in answers:
        (_, confidence), (_, expected), (_, shares) = _estimates(one.answer)
        row = [names[one.path], _count(one.answer), confidence, expected, shares]
        rows.append(row)
    return FittedTable([*_columns(), Column("probability of each count")], rows)


def _judged(answers: Sequence[Prediction]) -> FittedTable:
    names = shorten([one.path for one in answers], LONGEST_BESIDE)
    rows = [
        [
            names[one.path],
            _count(one.answer),
            _share(one.answer["confidence"]),
            _expected(one.answer),
            _verdict(one.answer),
            _match(one.answer),
        ]
        for one in answers
    ]
    verdict = [Column("verdict", whole=True), Column("record is right", right=True, whole=True)]
    return FittedTable([*_columns(), *verdict], rows)


def _columns() -> list[Column]:
    return [
        Column("image"),
        Column("count", right=True, whole=True),
        Column("confidence", right=True, whole=True),
        Column("expected count", right=True, whole=True, optional=1),
    ]


def _reason(name: str, one: Prediction) -> Text:
    verdict = one.answer["verdict"]
    text = Text(f"{name}: ")
    text.append(_verdict(one.answer), STYLES.get(WORDS.get(verdict, ""), ""))
    return text.append(f", {one.answer['reason']}.")


def _count(answer: Mapping[str, Any]) -> str:
    return f"{answer['count']}{' or more' if answer.get('or_more') else ''}"


def _verdict(answer: Mapping[str, Any]) -> str:
    return WORDS.get(answer.get("verdict", ""), str(answer.get("verdict", "")))


def _match(answer: Mapping[str, Any]) -> str:
    """How likely the record is right; "" where that cannot be judged."""
    probability = answer.get("match_probability")
    return "" if probability is None else _share(probability)


def _expected(answer: Mapping[str, Any]) -> str:
    return f"{answer['expected_count']:.1f}" if "expected_count" in answer else ""


def _share(share: float) -> str:
    """In whole percent; never 0 % or 100 % for what is only nearly so."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"
