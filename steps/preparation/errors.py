"""The errors of Prepare: those that fail the step, and those that quarantine one bin."""


class PreparationError(Exception):
    """The data cannot be prepared; the message says what is wrong, where, and what to do."""


class UnusableBinError(Exception):
    """A bin cannot be used; `reason` is the manifest's term for why, the message has details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
