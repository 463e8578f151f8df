"""How often chance gives a PSI, against cases that are known."""

import numpy as np
import pytest

from tests.steps.watching import captures
from watching import chance, checks, measures
from watching.baseline import Table

EVEN = Table(("a", "b", "c", "d"), {"1": (25, 25, 25, 25)})


def compare(table: Table, observed: list[int], **options: object) -> chance.Comparison:
    generator = np.random.default_rng(0)
    return chance.compare(table, observed, {"1": 1.0}, generator, **options)  # type: ignore[arg-type]


def test_psi_of_known_shares() -> None:
    expected = np.array([0.5, 0.5])
    value = float(chance.index(np.array([80000.0, 20000.0]), expected))
    assert value == pytest.approx(0.3 * np.log(1.6) - 0.3 * np.log(0.4), abs=1e-3)


def test_the_same_shares_are_no_change_and_others_are() -> None:
    assert compare(EVEN, [75, 75, 75, 75]).chance > 0.99
    assert compare(EVEN, [150, 50, 50, 50]).chance < 0.001


def test_a_psi_that_is_moderate_by_the_usual_reading_is_chance_for_20_answers() -> None:
    found = compare(EVEN, [8, 6, 4, 2])
    assert found.psi > checks.LEAST_PSI and found.chance > 0.05


def test_chances_of_unchanged_answers_are_spread_evenly() -> None:
    """Else the false-alarm rate would not be what it is said to be."""
    generator = np.random.default_rng(1)
    chances = []
    for _ in range(300):
        test = generator.multinomial(60, [0.1, 0.2, 0.3, 0.4])
        table = Table(EVEN.names, {"1": tuple(test.tolist())})
        chances.append(compare(table, generator.multinomial(300, [0.1, 0.2, 0.3, 0.4]).tolist()))
    rare = np.mean([one.chance < 0.1 for one in chances])
    assert 0.05 < rare < 0.15  # 0.1, give or take three standard deviations


def test_wrong_records_up_to_the_assumed_share_are_no_change() -> None:
    table = Table(("pass", "look"), {"1": (95, 5)})
    options = {"most_wrong": 0.1, "if_wrong": ("pass", "look")}
    assert compare(table, [260, 40], **options).chance > 0.1
    assert compare(table, [180, 120], **options).chance < 0.001


@pytest.mark.parametrize(
    ("chances", "rejected"),
    [
        ([0.001, 0.2, 0.004], [True, False, True]),
        ([0.004, 0.2, 0.4], [False, False, False]),  # 0.01 / 3 is the limit of the smallest
        ([], []),
    ],
)
def test_holms_method(chances: list[float], rejected: list[bool]) -> None:
    assert checks.holm(chances, 0.01) == rejected


def test_without_quantities_another_mix_of_counts_raises_nothing() -> None:
    known = captures.known(captures.answers(100))
    ones = [captures.answer(1, None) for _ in range(200)]
    (check,) = [one for one in checks.run(known, ones, None) if one.name == measures.COUNT]
    assert check.value > 1 and not check.raised
    assert "clients send no quantities" in check.why_not


def test_a_quantity_beyond_the_counts_of_the_model_is_beside_the_point() -> None:
    known = captures.known(captures.answers(100))
    beyond = [captures.answer(5, 9) for _ in range(100)]
    for check in checks.run(known, [*captures.answers(300), *beyond], None):
        assert check.answers == 300
