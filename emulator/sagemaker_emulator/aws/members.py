"""The members of requests that are honoured; every other one is refused by name, never dropped.

An operation declares what it honours: `@operation("DeleteFunction", "lambda", honours=(
"FunctionName", "Qualifier"))`. A path names its member with all that is below it, without the
places in lists: `Targets.Input`. A member of which only a part is honoured is named by its parts.
A newer botocore's members are refused until somebody honours them. What has no effect on one
machine (networks, keys, sizes of disks) is not honoured but kept, and shown by Describe: `keeps`.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from sagemaker_emulator.errors import ApiError

# Where a service has a code of its own for a wrong request.
VALIDATION_CODES = {
    "cloudformation": "ValidationError",
    "cloudwatch": "ValidationError",
    "lambda": "InvalidParameterValueException",
    "logs": "InvalidParameterException",
}
# What asks for nothing: Publish=False, Layers=[]. A 0 may ask for something.
_EMPTY: tuple[object, ...] = (None, "", [], {}, ())


def paths(text: str) -> tuple[str, ...]:
    """Paths from a text such as `Name Config{S3Uri Keys{KmsKeyId}}`."""
    found: list[str] = []
    above: list[str] = []
    words = [*re.findall(r"\w+|[{}]", text), ""]
    for word, following in itertools.pairwise(words):
        if word == "}":
            above.pop()
        elif following == "{":
            above.append(word)
        elif word != "{":
            found.append(".".join([*above, word]))
    return tuple(found)


def is_honoured(path: str, honours: Iterable[str]) -> bool:
    """Whether a member is one of these, below one of them, or has one of them below it."""
    return any(
        path == each or path.startswith(f"{each}.") or each.startswith(f"{path}.")
        for each in honours
    )


def refuse_others(
    service: str, name: str, shape: Shape | None, request: Any, honours: Iterable[str]
) -> None:
    """Refuse a request that asks for something that its operation does not honour.

    Args:
        service: botocore's name of the service.
        name: the operation.
        shape: its input; None where it takes none.
        request: as `request_shapes.parse` returned it.
        honours: the members that are honoured.

    Raises:
        ApiError: The service's code for a wrong request; it names every such member.
    """
    if shape is None:
        return
    honoured = tuple(honours)
    others = dict.fromkeys(
        path for path in _set_in(shape, request, "") if not is_honoured(path, honoured)
    )
    if others:
        raise ApiError(
            VALIDATION_CODES.get(service, "ValidationException"),
            f"The emulator does not run {name} with {', '.join(others)}. Leave it out. "
            f"It honours: {', '.join(sorted(honoured)) or 'no member'}",
        )


def paths_of(shape: Shape | None) -> Iterator[str]:
    """The paths of all members of a shape, down to those that have none below."""
    yield from _paths(shape, "", ()) if shape else ()


def _paths(shape: Shape, path: str, outer: tuple[str, ...]) -> Iterator[str]:
    while isinstance(shape, ListShape):
        shape = shape.member
    if isinstance(shape, StructureShape) and shape.members and shape.name not in outer:
        for name, member in shape.members.items():
            yield from _paths(member, f"{path}.{name}" if path else name, (*outer, shape.name))
    elif path:
        yield path


def _set_in(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """The paths of the members that are set in a value; those of maps are not members."""
    if value is False or value in _EMPTY:
        return
    match shape:
        case StructureShape():
            for name, item in value.items():
                below = f"{path}.{name}" if path else name
                yield from _set_in(shape.members[name], item, below)
        case ListShape():
            for item in value:
                yield from _set_in(shape.member, item, path)
        case _:
            yield path
