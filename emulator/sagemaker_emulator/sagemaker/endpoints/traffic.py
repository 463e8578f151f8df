"""An endpoint's requests, dealt to its old and its new fleet by share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fractions import Fraction

from sagemaker_emulator.sagemaker.endpoints.deployment import Deployment


@dataclass(eq=False)
class Split:
    """Two fleets, and the new one's share.

    Requests are dealt, not drawn: of the first n requests since the share was set, the new fleet
    gets the whole part of n times its share. So a canary never gets more than its share, however
    few requests come, and always gets it when enough have come.

    Attributes:
        old: the fleet in service.
        new: the fleet of the update.
    """

    old: Deployment
    new: Deployment
    _share: Fraction = Fraction(0)
    _due: Fraction = Fraction(0)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def shift(self, share: Fraction) -> None:
        """Give the new fleet this share, of 1, from the next request on."""
        with self._lock:
            self._share, self._due = share, Fraction(0)

    def next(self) -> Deployment:
        """The fleet that the next request goes to."""
        with self._lock:
            self._due += self._share
            if self._due < 1:
                return self.old
            self._due -= 1
            return self.new
