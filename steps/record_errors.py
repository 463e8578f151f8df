"""How stock records are wrong: the four kinds of wrong records, and how often each occurs.

Copied into the model as `code/record_errors.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MISCOUNTED, NOT_THERE, NOT_LISTED, EXCHANGED = (
    "miscounted", "item_not_there", "item_not_listed", "exchanged",
)  # fmt: skip
KINDS = (MISCOUNTED, NOT_THERE, NOT_LISTED, EXCHANGED)
USUAL_KINDS = "miscounted=0.4,item_not_there=0.2,item_not_listed=0.2,exchanged=0.2"
# A quantity is miscounted by 1, 2 or 3, the likelier the nearer: in proportion to 1 / distance.
MISCOUNTED_BY = {1: 6 / 11, 2: 3 / 11, 3: 2 / 11}
# How many of an unlisted item are in a bin. The shares are those of the quantities of the 26,417
# items on ABID's records 00001 to 09999; 4 stands for 4 and more.
UNLISTED = {1: 0.67, 2: 0.16, 3: 0.06, 4: 0.11}


@dataclass(frozen=True)
class RecordErrors:
    """How stock records are assumed to be wrong.

    Attributes:
        rate: the share of the records that are wrong, above 0 and below 1.
        kinds: the share of each of KINDS among the wrong ones; they add up to 1.
    """

    rate: float
    kinds: Mapping[str, float]

    @staticmethod
    def parse(rate: float, kinds: str) -> RecordErrors:
        """Read the kinds as hyperparameters and arguments have them: `miscounted=4,exchanged=1`.

        Raises:
            ValueError: a name is no kind, or a share no number of 0 or more; or all are 0.
        """
        shares = dict.fromkeys(KINDS, 0.0)
        for part in kinds.split(","):
            name, _, number = part.partition("=")
            share = float(number) if re.fullmatch(r"[0-9]+([.][0-9]+)?", number) else -1.0
            if name not in shares or share < 0:
                raise ValueError(
                    f"{part!r} is not KIND=SHARE, such as {KINDS[0]}=0.4; the kinds are "
                    f"{', '.join(KINDS)}"
                )
            shares[name] = share
        total = sum(shares.values())
        if not total:
            raise ValueError(f"{kinds!r} gives every kind the share 0; one must have more")
        return RecordErrors(rate, {name: share / total for name, share in shares.items()})
