"""Which documents of the store are read."""

import re
from dataclasses import dataclass

from sagemaker_emulator.storage.orders import BY_STATUS

# In a pattern of LIKE.
_WILDCARDS, _ESCAPED = re.compile(r"[%_\\]"), r"\\\g<0>"
# No name with a prefix comes after the prefix with this.
_LAST = 2 * chr(0x10FFFF)


@dataclass(frozen=True)
class Selection:
    """Some documents of a kind.

    Texts but the status are compared whatever the case of ASCII letters; an empty one is no
    condition.

    Attributes:
        kind: their kind.
        prefix: of their names.
        holds: a text that a document's JSON must hold, as `json.dumps` writes it.
        name_holds: a text that a document's name must hold.
        name_lacks: a text that a document's name must not hold.
        status: the status that a document must have, in this case; see `orders.STATUS`.
    """

    kind: str
    prefix: str = ""
    holds: str = ""
    name_holds: str = ""
    name_lacks: str = ""
    status: str = ""

    def in_sql(self) -> tuple[str, list[str | float]]:
        """The condition for the table of documents, and its values."""
        where, values = self.names_in_sql()
        if self.status:
            where += f" AND {BY_STATUS.key} = ?"
            values.append(self.status)
        for condition, text in (
            ("name LIKE", self.name_holds),
            ("name NOT LIKE", self.name_lacks),
            ("document LIKE", self.holds),  # takes half the time of instr
        ):
            if text:
                where += f" AND {condition} ? ESCAPE '\\'"
                values.append(f"%{_WILDCARDS.sub(_ESCAPED, text)}%")
        return where, values

    def names_in_sql(self) -> tuple[str, list[str | float]]:
        """The condition of the kind and the prefix alone: a range of the index by name."""
        if not self.prefix:
            return "kind = ?", [self.kind]
        return "kind = ? AND name BETWEEN ? AND ?", [*(self.kind, self.prefix, self.prefix + _LAST)]
