"""The address that gives a function's zip to whoever has it, for ten minutes."""

import re
from urllib.parse import unquote

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import HttpResponse
from sagemaker_emulator.services import presigned
from sagemaker_emulator.services.functions import code
from sagemaker_emulator.services.functions.function import missing
from sagemaker_emulator.storage.store import Document

_EXPIRES_SECONDS = 600
_PATH = re.compile(r"/_emulator/functions/((?:layer:)?[A-Za-z0-9_-]+)/([0-9a-f]+)\.zip")


def address(context: Context, function: Document) -> str:
    """A presigned address of the zip of a function or layer."""
    path = f"/_emulator/functions/{function['FunctionName']}/{function['Folder']}.zip"
    return presigned.address(context, "lambda", path, _EXPIRES_SECONDS)


def respond(context: Context, path: str) -> HttpResponse | None:
    """The zip at a path; None where the path is of something else. The caller has checked the key.

    Raises:
        ApiError: There is no such code.
    """
    match = _PATH.fullmatch(unquote(path))
    if match is None:
        return None
    archive = code.archive_of(context, match[1], match[2])
    if archive is None:
        raise missing(f"The function {match[1]} has no code {match[2]}")
    return HttpResponse(200, {"content-type": "application/zip"}, archive)
