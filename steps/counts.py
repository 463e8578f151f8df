"""The counts that a model answers, as people write them: `1-5`, or `0-6+`.

In `0-6+` the last class is "6 or more": a bin that holds more than the model tells apart is still
answered rightly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LARGEST = 99
ALLOWED = (
    "FIRST-LAST, such as 1-5 or 0-5, or FIRST-LAST+, such as 0-6+, where the last class is "
    f'"6 or more"; at least two counts, the last at most {LARGEST}'
)


@dataclass(frozen=True)
class Classes:
    """The classes of a model, each with the count that names it.

    Attributes:
        counts: in order, each one more than the one before it.
        or_more: whether the last class holds all greater counts, too.
    """

    counts: tuple[int, ...]
    or_more: bool = False

    @staticmethod
    def parse(text: str) -> Classes:
        """Read `FIRST-LAST` or `FIRST-LAST+`.

        Raises:
            ValueError: it is neither; the message says what is allowed.
        """
        parts = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})(\+?)", text)
        if not parts or not int(parts[1]) < int(parts[2]):
            raise ValueError(f"{text!r} is not {ALLOWED}")
        return Classes(tuple(range(int(parts[1]), int(parts[2]) + 1)), bool(parts[3]))

    @property
    def text(self) -> str:
        """The classes as people write them."""
        return f"{self.counts[0]}-{self.counts[-1]}{'+' * self.or_more}"

    @property
    def last_exact(self) -> int:
        """The greatest count that is told apart from all others."""
        return self.counts[-1] - self.or_more

    def of(self, count: int) -> int | None:
        """The class of a bin that holds `count` items; None if it has none."""
        if self.or_more and count > self.counts[-1]:
            return self.counts[-1]
        return count if count in self.counts else None

    def is_open(self, class_: int) -> bool:
        """Whether a class stands for its count and all greater ones."""
        return self.or_more and class_ == self.counts[-1]

    def name(self, class_: int) -> str:
        """The short name of a class: `6+` or `3`."""
        return f"{class_}{'+' * self.is_open(class_)}"

    def words(self, class_: int) -> str:
        """The name of a class in a sentence: `6 or more` or `3`."""
        return f"{class_}{' or more' * self.is_open(class_)}"

    @property
    def names(self) -> tuple[str, ...]:
        """The short names, in order."""
        return tuple(self.name(count) for count in self.counts)
