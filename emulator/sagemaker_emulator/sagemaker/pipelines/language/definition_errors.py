"""The ways in which a definition or a step can be wrong."""


class DefinitionError(ValueError):
    """A pipeline definition, or a request about one, that SageMaker would refuse.

    The message names the step and the key, and states what is allowed.
    """


class StepError(Exception):
    """A step that cannot succeed; the message becomes the step's FailureReason."""
