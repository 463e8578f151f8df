"""Lists of resources: a filter, and one page of the API's at a time."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console.pages import call

PAGE = 100


@dataclass(frozen=True)
class Listing:
    """One page of a list.

    Attributes:
        items: The API's summaries.
        filter: What the names were filtered by.
        next: The token of the next page; empty on the last.
    """

    items: list[dict[str, Any]]
    filter: str
    next: str


def page(
    request: Request, operation: str, key: str, filter_by: str = "NameContains", **members: Any
) -> Listing:
    """The page of a list that the query `filter` and `after` of a request ask for.

    Args:
        request: The browser's request.
        operation: A List operation of SageMaker.
        key: The member of its response that holds the summaries.
        filter_by: The member of its request that filters by name.
        members: Further members.

    Raises:
        ApiError: As the operation.
    """
    text = request.query_params.get("filter", "").strip()
    sent = {filter_by: text, "NextToken": request.query_params.get("after", "")} | members
    response = call(request, operation, MaxResults=PAGE, **sent)
    return Listing(response[key], text, response.get("NextToken", ""))
