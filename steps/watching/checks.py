"""The checks of a window of answers against the baseline, with one false-alarm rate for all.

Each check has the probability that chance alone would give as much (chance.py). Holm's method
compares these with the false-alarm rate of the whole run (S. Holm, "A Simple Sequentially Rejective
Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979), which holds however the
checks depend on each other. What is unlikely by chance but small raises nothing: with many answers
every difference is unlikely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from watching import audited, chance, measures
from watching.audited import Audited
from watching.baseline import Baseline, Table
from watching.measures import Answer, Group, Measure

FALSE_ALARMS = 0.01  # of a run, over all of its checks
LEAST_PSI = 0.1  # "moderate" by the usual reading of PSI
LEAST_SHARE = 0.05  # of the answers, for disagreement and accuracy
# Share of the answers that must say which quantity is on record, for their mix to be known.
KNOWN_MIX = 0.9
ACCURACY = "accuracy"
ACCURACY_WORDS = "accuracy by audits"


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: of the measure.
        group: what has probably changed if it is raised.
        words: the measure, for people.
        answers: how many answers, or audits, were compared.
        value: the PSI; for the agreement and the accuracy, a share of the answers.
        expected: the PSI that chance exceeds in one of twenty; for the others, the share expected.
        chance: the probability of such a value if nothing has changed.
        sentence: what is found, in words.
        raised: whether something has changed.
        bins: name, share of the answers and share expected, of each bin; empty for the accuracy.
        why_not: why the check raises nothing whatever it finds; empty if it may.
    """

    name: str
    group: Group
    words: str
    answers: int
    value: float
    expected: float
    chance: float
    sentence: str
    large: bool
    raised: bool = False
    bins: tuple[tuple[str, float, float], ...] = ()
    why_not: str = ""


def run(
    baseline: Baseline,
    answers: Sequence[Answer],
    audits: Audited | None,
    false_alarms: float = FALSE_ALARMS,
) -> list[Check]:
    """Every check that these answers allow, in the order of the measures.

    Args:
        baseline: of the model that answered.
        answers: of the window; all of that model.
        audits: of the window; None if there are none.
        false_alarms: the probability that anything is raised although nothing has changed.
    """
    generator = np.random.default_rng(0)  # the same answers always give the same result
    known = [measures.class_of(a.get("expected_quantity"), baseline.classes) for a in answers]
    has_mix = _has_mix(answers)
    found = []
    for measure in measures.MEASURES:
        table = baseline.tables.get(measure.name)
        if table is not None:
            check = _check(measure, table, baseline, answers, known, has_mix, generator)
            if check is not None:
                found.append(check)
    if audits is not None and audits.audited:
        found.append(_accuracy(baseline, answers, audits, generator))
    may = [check for check in found if not check.why_not]
    unlikely = holm([check.chance for check in may], false_alarms)
    raised = {c.name for c, rare in zip(may, unlikely, strict=True) if rare and c.large}
    return [replace(check, raised=check.name in raised) for check in found]


def holm(chances: Sequence[float], rate: float) -> list[bool]:
    """Which of some probabilities are too small for chance, at one rate of error for all."""
    order = sorted(range(len(chances)), key=lambda index: chances[index])
    rejected = [False] * len(chances)
    for rank, index in enumerate(order):
        if chances[index] > rate / (len(chances) - rank):
            break
        rejected[index] = True
    return rejected


def _has_mix(answers: Sequence[Answer]) -> bool:
    return sum("expected_quantity" in answer for answer in answers) >= KNOWN_MIX * len(answers)


def _check(
    measure: Measure,
    table: Table,
    baseline: Baseline,
    answers: Sequence[Answer],
    known: Sequence[str | None],
    has_mix: bool,
    generator: np.random.Generator,
) -> Check | None:
    """The check of one measure; None where no answer has it."""
    values = []
    counts: Counter[str] = Counter()
    for answer, count in zip(answers, known, strict=True):
        # Answers about quantities that the test does not have are beside the point.
        if has_mix and count not in table.counts:
            continue
        value = measure.read(answer)
        if value is not None and table.index(value) is not None:
            values.append(value)
            if count in table.counts:
                counts[str(count)] += 1
    if not values:
        return None
    if not has_mix:
        counts = Counter({count: sum(row) for count, row in table.counts.items()})
    total = sum(counts.values())
    mix = {count: number / total for count, number in counts.items() if number}
    bins = Counter(table.index(value) for value in values)
    observed = [bins[index] for index in range(len(table.names))]
    rate = baseline.record_error_rate
    compared = chance.compare(table, observed, mix, generator, rate, measure.if_wrong)
    shown = tuple(
        (name, float(a), float(b))
        for name, a, b in zip(table.names, compared.shares, compared.expected, strict=True)
    )
    if measure.name == measures.AGREEMENT:
        expected, by_chance = chance.at_least(
            table, measures.DIFFERS, observed, mix, generator, rate
        )
        share = observed[table.names.index(measures.DIFFERS)] / len(values)
        sentence = (
            f"the photo shows another count than the record in {_percent(share)} of the answers; "
            f"at most {_percent(expected)} are expected where {_percent(rate)} of the records are "
            "wrong"
        )
        large = share - expected >= LEAST_SHARE
        return Check(
            measure.name, measure.group, measure.words, len(values), share, expected, by_chance,
            sentence, large, bins=shown,
        )  # fmt: skip
    why_not = ""
    if measure.name == measures.COUNT and not has_mix:
        why_not = "clients send no quantities on record, so the mix of counts is not known"
    return Check(
        measure.name, measure.group, measure.words, len(values), compared.psi,
        compared.chance_psi, compared.chance, _sentence(measure, table, values, shown),
        compared.psi >= LEAST_PSI, bins=shown, why_not=why_not,
    )  # fmt: skip


def _accuracy(
    baseline: Baseline, answers: Sequence[Answer], audits: Audited, generator: np.random.Generator
) -> Check:
    with_items = sum("photo_alone" in answer for answer in answers) * 2 > len(answers)
    kind = "with_items" if with_items and baseline.accuracy["with_items"][1] else "photo"
    right, images = baseline.accuracy[kind]
    by_chance = audited.chance_of_fewer(audits, right, images, generator)
    value, expected = audits.value, right / images
    interval = ""
    if audits.share is not None:
        low, high = _percent(audits.share.low), _percent(audits.share.high)
        interval = f" (95 % interval {low} to {high})"
    sentence = (
        f"people who looked into {audits.audited} bins found the count right in "
        f"{_percent(value)}{interval}; on the test photos it is {_percent(expected)}"
    )
    return Check(
        ACCURACY, "answers", ACCURACY_WORDS, audits.audited, value, expected, by_chance, sentence,
        expected - value >= LEAST_SHARE,
    )  # fmt: skip


def _sentence(
    measure: Measure,
    table: Table,
    values: Sequence[float | str],
    bins: Sequence[tuple[str, float, float]],
) -> str:
    if measure.number:
        middle = median(float(value) for value in values)
        return (
            f"half of the answers are above {measures.shown(middle)}; half of the test photos "
            f"above {measures.shown(table.middle[1])}"
        )
    name, share, expected = max(bins, key=lambda one: abs(one[1] - one[2]))
    return f"'{name}' is {_percent(share)} of the answers, and {_percent(expected)} are expected"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def raised_groups(found: Sequence[Check]) -> Mapping[Group, list[Check]]:
    """The raised checks by group."""
    groups: dict[Group, list[Check]] = {}
    for check in found:
        if check.raised:
            groups.setdefault(check.group, []).append(check)
    return groups
