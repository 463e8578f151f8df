"""A Lambda function as it is kept: its document, and its code unpacked in a folder."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.storage.store import Document

FUNCTION = "function"


def get(context: Context, identifier: str) -> Document:
    """The document of a function.

    Args:
        context: the server.
        identifier: its name or ARN.

    Raises:
        ApiError: There is none.
    """
    name = name_in(identifier)
    function = context.store.get(FUNCTION, name)
    if function is None:
        raise missing(f"Function not found: {function_arn(context, name)}")
    return function


def name_in(identifier: str) -> str:
    """The name in a function ARN, partial ARN or name, with or without a qualifier."""
    return (identifier.partition(":function:")[2] or identifier).partition(":")[0]


def function_arn(context: Context, name: str) -> str:
    """The ARN of a function."""
    return f"arn:aws:lambda:{context.region}:{context.account}:function:{name}"


def code_folder(context: Context, function: Document) -> Path:
    """Where a function's code is unpacked."""
    return context.state / "functions" / str(function["FunctionName"]) / str(function["Folder"])


def read_archive(context: Context, code: Mapping[str, Any]) -> bytes:
    """The zip file of a request, sent with it or kept in S3.

    Raises:
        ApiError: The request has none, or there is no such object.
    """
    if "ZipFile" in code:
        return bytes(code["ZipFile"])
    if "S3Bucket" not in code or "S3Key" not in code:
        raise invalid_value("the code is needed as ZipFile, or as S3Bucket and S3Key")
    uri = f"s3://{code['S3Bucket']}/{code['S3Key']}"
    content = context.s3.read(uri)
    if content is None:
        raise invalid_value(f"Error occurred while GetObject. There is no object {uri}.")
    return content


def unpack_code(context: Context, name: str, archive: bytes) -> Document:
    """Unpack code into a folder named by its hash, and return the members that describe it.

    Raises:
        ApiError: It is not a zip file.
    """
    digest = hashlib.sha256(archive)
    folder = context.state / "functions" / name / digest.hexdigest()[:16]
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            opened.extractall(folder)
    except zipfile.BadZipFile as problem:
        raise invalid_value(f"Could not unzip uploaded file: {problem}") from None
    return {
        "CodeSha256": base64.b64encode(digest.digest()).decode(),
        "CodeSize": len(archive),
        "Folder": folder.name,
    }


def invalid_value(message: str) -> ApiError:
    """Lambda's error for a wrong request."""
    return ApiError("InvalidParameterValueException", message)


def missing(message: str) -> ApiError:
    """Lambda's error for what is not there."""
    return ApiError("ResourceNotFoundException", message, 404)
