"""Expected failures said in words: what happened, where, and what to do next."""

import errno
from typing import Any

from model_registry.errors import RegistryError
from pipelines.errors import UserError

SIGN_IN = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
)
FORBIDDEN = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
ON_THIS_MACHINE = (
    "On this machine `python pipeline.py emulator status` says whether the emulator runs; "
    "`python pipeline.py emulator up` starts it."
)
FULL = (errno.ENOSPC, errno.EDQUOT)


def explain(error: BaseException) -> str | None:
    """A message for the person at the keyboard; None for an error that nobody expected.

    Args:
        error: Whatever a verb raised.
    """
    if isinstance(error, UserError | RegistryError):
        return str(error)
    if isinstance(error, OSError):
        return _system(error)
    # Looking at botocore's classes only now keeps verbs that raise something else quick.
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
        return f"The service cannot be reached: {error}\n{ON_THIS_MACHINE}"
    if isinstance(error, aws.BotoCoreError):
        return str(error)
    return _storage(error)


def _refusal(error: Any) -> str:
    found = error.response.get("Error", {})
    code, message = found.get("Code", "error"), found.get("Message", "")
    said = f"{error.operation_name} was refused: {code}: {message}"
    if code in SIGN_IN:
        return f"{said}\nThe credentials are not valid any more; sign in again: `aws sso login`."
    if code in FORBIDDEN:
        return (
            f"{said}\nThe credentials lack the permission for {error.operation_name}; "
            "infrastructure/ lists the permissions that the pipeline needs."
        )
    if code == "ResourceLimitExceeded":
        return (
            f"{said}\nAsk for more in Service Quotas, or choose another instance type (start -p)."
        )
    return said


def _storage(error: BaseException) -> str | None:
    import obstore.exceptions as storage

    if not isinstance(error, storage.BaseError):
        return None
    said = str(error).partition("\n")[0]  # what it was made from follows, over many lines
    if isinstance(error, storage.PermissionDeniedError | storage.UnauthenticatedError):
        return (
            f"S3 refused: {said}\nThe credentials lack the permission; infrastructure/ lists the "
            "permissions that the pipeline needs."
        )
    said = f"S3 did not answer as it should: {said}"
    return f"{said}\n{ON_THIS_MACHINE} Where its disk is full, its S3 fails like this."


def _system(error: OSError) -> str | None:
    place = error.filename or "this machine's disk"
    if error.errno in FULL:
        return (
            f"The disk is full: {place} cannot be written. Make room and run the same command "
            "again; `python pipeline.py emulator reset` gives back what the emulator keeps."
        )
    if error.errno == errno.EADDRINUSE:
        return f"The port is taken by another process: {error}."
    if error.filename:
        return f"{error.filename}: {error.strerror}."
    return None
