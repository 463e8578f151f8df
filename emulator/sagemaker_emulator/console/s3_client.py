"""S3 for the pages: the server's own, called as any client does, with signed requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from starlette.requests import Request

from sagemaker_emulator.aws import s3_client
from sagemaker_emulator.console.pages import context_of
from sagemaker_emulator.errors import ApiError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def client(request: Request) -> S3Client:
    """The boto3 client of the server of a request; threads share it."""
    return s3_client.client(context_of(request))


def call(request: Request, operation: str, **members: Any) -> Any:
    """Call an operation of S3.

    Args:
        request: The browser's request.
        operation: The name of the client's method: `list_objects_v2`.
        members: The operation's members.

    Raises:
        ApiError: What a client would have seen.
    """
    try:
        return getattr(client(request), operation)(**members)
    except ClientError as problem:
        error = problem.response.get("Error", {})
        status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        code, message = error.get("Code", ""), error.get("Message", "")
        if status == 404 and code in ("404", ""):  # the response to HEAD has no text
            code, message = "NoSuchKey", "The specified key does not exist."
        raise ApiError(code, message, status) from None
    except BotoCoreError as problem:
        raise ApiError(type(problem).__name__, str(problem)) from None
