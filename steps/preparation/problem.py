"""What can be wrong with the data or with what was asked of it."""


class PreparationError(Exception):
    """The data cannot be prepared; the message says what, where, and what to do about it."""
