"""One thing around the pipeline, and what is said when it can neither be found nor made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from pipelines.errors import UserError


class SetupError(UserError):
    """Something around the pipeline can neither be found nor made."""


@dataclass(frozen=True)
class Item:
    """One thing that the pipeline needs.

    Attributes:
        kind: What it is, such as `bucket`.
        name: What it is called.
        state: Whether it was there, is new, or was brought up to date.
    """

    kind: str
    name: str
    state: Literal["found", "made", "updated"]

    def __str__(self) -> str:
        """One line, the state first."""
        return f"{self.state:<9}  {self.kind} {self.name}"


@contextmanager
def explained(service: str) -> Iterator[None]:
    """Say which permission is missing, instead of a traceback."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if "AccessDenied" in code or code in ("403", "UnauthorizedOperation"):
            raise SetupError(
                f"A permission is missing: {service}:{error.operation_name}. ({message})\n"
                "Sign in with a role that has it, or have an administrator create everything with "
                "infrastructure/tally.yaml: then only start, stop and read are needed."
            ) from None
        raise SetupError(
            f"{service}:{error.operation_name} failed with {code}: {message}"
        ) from None
    except BotoCoreError as error:
        raise SetupError(f"{service} cannot be reached: {error}") from None


def error_code(call: Callable[[], Any]) -> str | None:
    """The code of the error that a look-up ends with when the thing is not there; None: it is.

    Raises:
        ClientError: Any other error.
    """
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if code in ("404", "403", "NoSuchBucket", "NoSuchKey", "NotFound", "NoSuchEntity"):
            return code
        raise
    return None
