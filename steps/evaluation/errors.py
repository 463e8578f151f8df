"""The error of an evaluation whose inputs cannot be used."""


class EvaluationError(Exception):
    """An input cannot be used; the message says which, why, and what was expected."""
