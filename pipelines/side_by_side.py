"""Things side by side: a row for each fact, a column for each thing, differences marked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNKNOWN = "-"  # where nothing is known of one thing


@dataclass(frozen=True)
class Row:
    """One fact of each thing.

    Attributes:
        label: What it is.
        values: As text, one for each thing; "" where it is not known.
    """

    label: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the things differ in it; what is not known of one counts as a difference."""
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class SideBySide:
    """The facts of several things.

    Attributes:
        headings: What each thing is called.
        rows: The facts, in the order in which they are shown; of each, one thing at least has one.
    """

    headings: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def differences(self) -> tuple[Row, ...]:
        """The facts in which they differ."""
        return tuple(row for row in self.rows if row.differs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "compared": list(self.headings),
            "rows": [
                {"label": row.label, "values": list(row.values), "differs": row.differs}
                for row in self.rows
            ],
        }


def beside(headings: Sequence[str], facts: Sequence[Mapping[str, str]]) -> SideBySide:
    """Put the facts of things beside each other.

    Args:
        headings: What each thing is called.
        facts: Of each thing, the facts by label, in the order in which they are shown.
    """
    labels = _merged(list(facts[0]) if facts else [], [list(one) for one in facts[1:]])
    rows = (Row(label, tuple(one.get(label, "") for one in facts)) for label in labels)
    return SideBySide(tuple(headings), tuple(row for row in rows if any(row.values)))


def _merged(labels: list[str], more: Sequence[Sequence[str]]) -> Iterator[str]:
    """All labels; one that only a later thing has stands after the label before it there."""
    for others in more:
        at = 0
        for label in others:
            if label in labels:
                at = labels.index(label) + 1
            else:
                labels.insert(at, label)
                at += 1
    return iter(labels)
