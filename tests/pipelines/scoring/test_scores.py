"""How an answer compares with the stock record."""

import pytest

from pipelines.scoring import scores

ANSWER: scores.Answer = {
    "count": 3,
    "confidence": 0.6,
    "expected_count": 3.1,
    "probabilities": {"1": 0.05, "2": 0.15, "3": 0.6, "4": 0.15, "5": 0.05},
}


@pytest.mark.parametrize(
    ("quantity", "match", "confidence"), [(3, True, 0.6), (2, False, 0.85), (7, False, 0.0)]
)
def test_a_match_follows_the_endpoints_formula(
    quantity: int, match: bool, confidence: float
) -> None:
    """As in `inference.py`: P(quantity), 1 - P(quantity), and 0 for what it cannot judge."""
    compared = scores.compare(ANSWER, quantity)
    assert (compared["match"], compared["match_confidence"]) == (match, confidence)
