"""One AWS resource that the pipeline needs, and the errors of looking for it and creating it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from pipelines.errors import UserError

State = Literal["exists", "created", "updated"]
NOT_THERE = ("404", "403", "NoSuchBucket", "NoSuchKey", "NotFound", "NoSuchEntity")


class SetupError(UserError):
    """A resource that the pipeline needs can neither be found nor created."""


@dataclass(frozen=True)
class Item:
    """One resource that the pipeline needs.

    Attributes:
        kind: What it is, such as `bucket`.
        name: Its name or address.
        state: Whether it existed, is new, or was updated.
        note: What a person should do about it; empty for nothing.
    """

    kind: str
    name: str
    state: State
    note: str = ""

    def __str__(self) -> str:
        """One line, the state first; the note below it."""
        line = f"{self.state:<9}  {self.kind} {self.name}"
        return f"{line}\nnote       {self.note}" if self.note else line


@contextmanager
def explained(service: str) -> Iterator[None]:
    """Turn an error of AWS into a SetupError, which names the missing permission if that is why."""
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


def error_code(request: Callable[[], object]) -> str | None:
    """The error code of a request for something that is not there; None: it is there.

    Raises:
        ClientError: The request failed for another reason.
    """
    from botocore.exceptions import ClientError

    try:
        request()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if code in NOT_THERE:
            return code
        raise
    return None
