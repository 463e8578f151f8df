"""What the operations of CloudWatch Logs share: names, groups and streams, and refusals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.page_tokens import Place
from sagemaker_emulator.aws.pages import cut, scope_of
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.logs.log_files import LogFiles, group_folder, stream_file

_Item = TypeVar("_Item", bound=Mapping[str, Any])


def files(context: Context) -> LogFiles:
    """The log files of a server."""
    logs = context.logs
    assert isinstance(logs, LogFiles)
    return logs


def group_of(context: Context, request: Mapping[str, Any]) -> str:
    """The name in `logGroupName` or `logGroupIdentifier` (name or ARN).

    Raises:
        ApiError: The request has neither, both, or an ARN of another account or region.
    """
    names = [request[key] for key in ("logGroupName", "logGroupIdentifier") if request.get(key)]
    if len(names) != 1:
        raise invalid(
            "Exactly one of logGroupName and logGroupIdentifier is needed."
            if not names
            else "LogGroup name and LogGroup ARN are mutually exclusive parameters."
        )
    return name_in(context, str(names[0]))


def name_in(context: Context, identifier: str) -> str:
    """The name in a group's name or ARN.

    Raises:
        ApiError: It is an ARN of another account or region.
    """
    if not identifier.startswith("arn:"):
        return identifier
    name = identifier.removesuffix(":*").rpartition(":log-group:")[2]
    if group_arn(context, name) != identifier.removesuffix(":*"):
        raise no_group()
    return name


def group_arn(context: Context, group: str) -> str:
    """The ARN of a group, without the `:*` at its end."""
    return f"arn:aws:logs:{context.region}:{context.account}:log-group:{group}"


def folder_of(context: Context, group: str) -> Path:
    """The folder of a group that is there.

    Raises:
        ApiError: There is no such group.
    """
    folder = group_folder(context.state / "logs", group)
    if not folder.is_dir():
        raise no_group()
    return folder


def file_of(context: Context, group: str, stream: str) -> Path:
    """The file of a stream that is there.

    Raises:
        ApiError: There is no such group or stream.
    """
    path = stream_file(folder_of(context, group), stream)
    if not path.is_file():
        raise no_stream()
    return path


def page(
    operation: str,
    request: Mapping[str, Any],
    items: Sequence[_Item],
    name: str,
    by: str | None = None,
    descending: bool = False,
) -> tuple[Sequence[_Item], str | None]:
    """The page that a request asks for, and the token of the next.

    Args:
        operation: its name.
        request: its nextToken and limit are applied.
        items: all of them, in any order.
        name: the key of their names.
        by: the key to sort by before the name.
        descending: from the last to the first.

    Raises:
        ApiError: The token is not one that this returned for such a request.
    """

    def place(item: _Item) -> Place:
        return (item.get(by) or 0 if by else None), str(item[name])

    try:
        return cut(
            sorted(items, key=place, reverse=descending),
            request.get("nextToken"),
            request.get("limit", 50),
            scope=scope_of(operation, request),
            place=place,
            descending=descending,
        )
    except ApiError:
        raise bad_token() from None


def invalid(message: str) -> ApiError:
    """CloudWatch Logs' error for a wrong request."""
    return ApiError("InvalidParameterException", message)


def bad_token() -> ApiError:
    """The refusal of a token."""
    return invalid("The specified nextToken is invalid.")


def no_group() -> ApiError:
    """There is no such group."""
    return ApiError("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> ApiError:
    """There is no such stream."""
    return ApiError("ResourceNotFoundException", "The specified log stream does not exist.")


@contextmanager
def refused_if_gone(refusal: Callable[[], ApiError] = no_group) -> Iterator[None]:
    """Refuse a request for what another one deletes meanwhile.

    Raises:
        ApiError: A file was not there.
    """
    try:
        yield
    except FileNotFoundError:
        raise refusal() from None


def exists(what: str) -> ApiError:
    """There is such a group or stream already."""
    return ApiError("ResourceAlreadyExistsException", f"The specified {what} already exists")
