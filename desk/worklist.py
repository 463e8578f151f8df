"""What is to look at in a shift, what people decided about it, and what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from desk import queue
from desk.queue import Judged
from desk.shift import Answer, Bin, Shift
from pipelines.steps import audits

# Each page of a queue needs its order, and a counted shift's never changes.
_arrange = lru_cache(maxsize=32)(queue.arrange)


@dataclass(frozen=True)
class Worklist:
    """The queue of a counted shift.

    Attributes:
        shift: The shift.
        answers: The endpoint's answers, by the bins' numbers.
        entries: The log's entries, those of other shifts included.
    """

    shift: Shift
    answers: Mapping[int, Answer]
    entries: Iterable[audits.Audit]

    @cached_property
    def order(self) -> list[int]:
        """The numbers of the bins, in the order in which a person looks at them."""
        judged = tuple(
            Judged(number, answer.verdict, answer.answer.get("match_probability"))
            for number, answer in sorted(self.answers.items())
            if not answer.problem
        )
        return _arrange(self.shift.id, judged, self.shift.share)

    @cached_property
    def decisions(self) -> dict[int, audits.Audit]:
        """The decisions that hold, by the bins' numbers."""
        numbers = {one.sha256: one.number for one in self.shift.to_ask}
        own = [entry for entry in self.entries if entry.shift == self.shift.id]
        return {
            numbers[entry.image_sha256]: entry
            for entry in audits.effective(own)
            if entry.image_sha256 in numbers
        }

    @property
    def decided(self) -> int:
        """How many bins of the queue are decided."""
        return sum(number in self.decisions for number in self.order)

    def is_sampled(self, number: int) -> bool:
        """Whether a bin passed, and is looked at because it was chosen at random."""
        return self.answers[number].verdict == queue.PASS

    def bin(self, number: int) -> Bin:
        """The bin of a number in the queue."""
        return self.shift.bins[number - 1]

    def next_after(self, number: int) -> int | None:
        """The next bin in the queue that is not decided, from its start again; None if all are."""
        place = self.order.index(number) + 1 if number in self.order else 0
        ahead = self.order[place:] + self.order[:place]
        return next((one for one in ahead if one not in self.decisions), None)

    def beside(self, number: int) -> tuple[int | None, int | None]:
        """The bins before and after a bin of the queue."""
        place = self.order.index(number)
        before = self.order[place - 1] if place else None
        return before, self.order[place + 1] if place + 1 < len(self.order) else None

    def last_by(self, who: str) -> audits.Audit | None:
        """The last decision of a person that holds."""
        own = [entry for entry in self.decisions.values() if entry.who == who]
        return max(own, key=lambda entry: (entry.when, entry.id), default=None)

    def unjudged(self) -> list[tuple[str, str]]:
        """The name of each photo without a verdict, and the reason as a sentence."""
        reasons = {number: one.problem for number, one in self.answers.items() if one.problem}
        every = ((one.name, one.problem or reasons.get(one.number)) for one in self.shift.bins)
        return [(name, reason) for name, reason in every if reason]
