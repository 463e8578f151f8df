"""The error of Prepare."""


class PreparationError(Exception):
    """The data cannot be prepared; the message says what is wrong, where, and what to do."""
