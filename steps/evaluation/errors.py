"""What can be wrong with the inputs of an evaluation."""


class EvaluationError(Exception):
    """An input cannot be used; the message says which, why, and what was expected."""
