"""Lists of resources: a filter by name, and one page of the API's at a time."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.aws import dispatch, patterns
from sagemaker_emulator.console.pages import call

PAGE = 100


@dataclass(frozen=True)
class Listing:
    """One page of a list.

    Attributes:
        items: The API's summaries.
        filter: What the names were filtered by.
        next: The token of the next page; empty on the last.
        hint: What names may hold, if none can hold the filter; otherwise empty.
    """

    items: list[Any]
    filter: str
    next: str
    hint: str = ""


def page(
    request: Request, operation: str, key: str, filter_by: str = "NameContains", **members: Any
) -> Listing:
    """The page of a list that the query `filter` and `after` of a request ask for, latest first.

    Args:
        request: The browser's request.
        operation: A List operation of SageMaker.
        key: The member of its response that holds the summaries.
        filter_by: The member of its request that filters by name.
        members: Further members.

    Raises:
        ApiError: As the operation.
    """
    text, after = filter_of(request)
    # A prefix is in the form of a whole name, which no hyphen ends.
    prefix_of = filter_by.removesuffix("Prefix") if filter_by.endswith("Prefix") else ""
    sent = text.rstrip("-") if prefix_of else text
    if problem := hint(operation, filter_by, sent):
        return Listing([], text, "", problem)
    response = call(
        request,
        operation,
        MaxResults=PAGE,
        SortBy="CreationTime",
        SortOrder="Descending",
        NextToken=after,
        **{filter_by: sent} | members,
    )
    items = response[key]
    if sent != text:
        items = [each for each in items if each[prefix_of].startswith(text)]
    return Listing(items, text, response.get("NextToken", ""))


def every(request: Request, operation: str, key: str, **members: Any) -> list[dict[str, Any]]:
    """All items of a List operation of SageMaker.

    Args:
        request: The browser's request.
        operation: Its name.
        key: The member of its response that holds the items.
        members: Further members.

    Raises:
        ApiError: As the operation.
    """
    items: list[dict[str, Any]] = []
    token = ""
    while True:
        response = call(request, operation, MaxResults=PAGE, NextToken=token, **members)
        items += response[key]
        token = response.get("NextToken", "")
        if not token:
            return items


def filter_of(request: Request) -> tuple[str, str]:
    """What a list's names are filtered by, and the token of its page; empty where there is none."""
    return request.query_params.get("filter", "").strip(), request.query_params.get("after", "")


def hint(
    operation: str,
    member: str,
    text: str,
    service: str = "sagemaker",
    holds: str = "only letters, digits and hyphens",
) -> str:
    """What names may hold, if none can hold a filter; empty if one can, or if there is no filter.

    Args:
        operation: A List operation.
        member: The member of its request that filters by name.
        text: The filter.
        service: botocore's name of the service.
        holds: What the pattern of the member allows, in words.
    """
    shape = dispatch.service_model(service).operation_model(operation).input_shape
    assert shape is not None, f"{operation} has no members"
    rules = shape.members[member].metadata
    matcher = patterns.of_service_model(rules["pattern"])
    fits = len(text) <= rules["max"] and (matcher is None or matcher.fullmatch(text))
    return "" if fits or not text else f"A name holds {holds}: at most {rules['max']} characters."
