"""How answers are ranked and summed up."""

from pathlib import Path

from pipelines.scoring.scores import Answer, Scores


def answer(
    verdict: str | None, probability: float | None = None, count: int = 3, or_more: bool = False
) -> Answer:
    found: Answer = {
        "count": count,
        "or_more": or_more,
        "confidence": 0.4,
        "expected_count": 3.1,
        "probabilities": {},
    }
    if verdict:
        found |= {"verdict": verdict, "match_probability": probability, "reason": "because"}
    return found


def test_the_most_suspicious_come_first() -> None:
    answers = {
        "sure": answer("pass", 0.99),
        "nearly": answer("pass", 0.96),
        "unknown": answer("cannot_judge"),
        "none": answer(None),
        "less": answer("look", 0.4),
        "no rule": answer("look"),
        "most": answer("look", 0.01),
    }
    ranked = Scores(1, (), answers, {}).ranked
    assert ranked == ["no rule", "most", "less", "unknown", "nearly", "sure", "none"]


def test_what_cannot_be_judged_is_neither_a_match_nor_a_mismatch() -> None:
    answers = {"1": answer("look", 0.1), "2": answer("cannot_judge"), "3": answer("cannot_judge")}
    scores = Scores(2, (), answers, {"4": "damaged"})
    assert scores.verdicts == {"look": 1, "cannot_judge": 2, "pass": 0}
    assert scores.sentence(Path("s.csv")).splitlines() == [
        "Version 2 counted 3 of 4 images, 3 with low confidence.",
        "Verdicts: 0 pass, 1 to look at, 2 that the model cannot judge.",
        "All images are listed in s.csv, the most suspicious first.",
    ]


def test_without_a_record_there_is_no_verdict() -> None:
    scores = Scores(2, (), {"1": answer(None), "2": answer(None, count=6, or_more=True)}, {})
    assert scores.verdicts == {} and "Verdicts" not in scores.sentence(Path("s.csv"))
    assert scores.counts == {"3": 1, "6+": 1}
