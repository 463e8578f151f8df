"""Messages for expected errors: what happened, where, and what to do next."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from model_registry.errors import RegistryError
from pipelines.errors import UserError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

SIGN_IN = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
)
FORBIDDEN = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
ON_THIS_MACHINE = (
    "On this machine, `python pipeline.py emulator status` shows whether the emulator runs, and "
    "`python pipeline.py emulator up` starts it."
)
FULL = (errno.ENOSPC, errno.EDQUOT)


def explain(error: BaseException) -> str | None:
    """A message for the person at the keyboard; None for an unexpected error.

    Args:
        error: The error that a command raised.
    """
    if isinstance(error, UserError | RegistryError):
        return str(error)
    if isinstance(error, OSError):
        return _system(error)
    # Imported only here, so that commands with other errors stay quick.
    import botocore.exceptions as aws

    if isinstance(error, aws.ClientError):
        return _refusal(error)
    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError):
        return (
            f"{error}. Sign in (`aws sso login`), or use `--target local`, which needs no account."
        )
    signed_out = (aws.SSOError, aws.LoginError, aws.TokenRetrievalError)
    if isinstance(error, (*signed_out, aws.CredentialRetrievalError)):
        return f"{str(error).rstrip('. ')}. Sign in again: `aws sso login`."
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
        return f"The service does not respond: {error}\n{ON_THIS_MACHINE}"
    if isinstance(error, aws.BotoCoreError):
        return str(error)
    return _storage(error)


def _refusal(error: ClientError) -> str:
    details = error.response.get("Error", {})
    code, reason = details.get("Code", "error"), details.get("Message", "")
    message = f"{error.operation_name} was refused: {code}: {reason}"
    if code in SIGN_IN:
        return f"{message}\nThe credentials are no longer valid; sign in again: `aws sso login`."
    if code in FORBIDDEN:
        return (
            f"{message}\nThe credentials lack the permission for {error.operation_name}; "
            "infrastructure/ lists the permissions that the pipeline needs."
        )
    if code == "ResourceLimitExceeded":
        return (
            f"{message}\nRequest more in Service Quotas, or choose another instance type: start "
            "-p TrainingInstanceType=..."
        )
    return message


def _storage(error: BaseException) -> str | None:
    import obstore.exceptions as storage

    if not isinstance(error, storage.BaseError):
        return None
    message = str(error).partition("\n")[0]  # the causes follow, over many lines
    if isinstance(error, storage.PermissionDeniedError | storage.UnauthenticatedError):
        return (
            f"S3 refused: {message}\nThe credentials lack the permission; infrastructure/ lists "
            "the permissions that the pipeline needs."
        )
    return f"S3 failed: {message}\n{ON_THIS_MACHINE} Its S3 fails like this if the disk is full."


def _system(error: OSError) -> str | None:
    path = error.filename or "this machine's disk"
    if error.errno in FULL:
        return (
            f"The disk is full: {path} cannot be written. Free some space and run the same command "
            "again; `python pipeline.py emulator reset` deletes everything that the emulator keeps."
        )
    if error.errno == errno.EADDRINUSE:
        return f"Another process uses the port: {error}."
    if error.filename:
        return f"{error.filename}: {error.strerror}."
    return None
