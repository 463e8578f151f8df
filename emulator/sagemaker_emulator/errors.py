"""Errors that a client of the emulator sees, named as AWS's service models name them."""


class ApiError(Exception):
    """The error response of an operation.

    Args:
        code: The error's name in the service model, such as `ResourceNotFound`.
        message: What was wrong, where, and what to do next.
        status: HTTP status; 5xx where the emulator, not the caller, is at fault.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def invalid(message: str) -> ApiError:
    """A `ValidationException`: the request cannot be right whatever the state of the server."""
    return ApiError("ValidationException", message)


def not_found(message: str) -> ApiError:
    """A `ResourceNotFound` as SageMaker returns it."""
    return ApiError("ResourceNotFound", message)


def in_use(message: str) -> ApiError:
    """A `ResourceInUse`: the name is taken or the resource is busy."""
    return ApiError("ResourceInUse", message)


class JobFailed(Exception):
    """A job cannot continue; the text is its FailureReason."""


class EmulatorError(Exception):
    """A command failed; the message is for the person who ran it."""


class StartError(EmulatorError):
    """The emulator cannot be started or stopped."""
