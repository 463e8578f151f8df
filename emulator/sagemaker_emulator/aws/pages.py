"""The List operations' common part: filters, order and pages.

A NextToken holds a place in the order, not a count: what is created or deleted between two pages
changes nothing about the rest.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sagemaker_emulator.aws import page_tokens
from sagemaker_emulator.aws.page_tokens import Place
from sagemaker_emulator.storage import orders
from sagemaker_emulator.storage.orders import Order
from sagemaker_emulator.storage.selection import Selection
from sagemaker_emulator.storage.store import Document, Store

_Item = TypeVar("_Item")

# What `page` honours of a request; see `members.paths`.
PAGED = "NextToken MaxResults "
SORTED = PAGED + "SortBy SortOrder "
CREATED = SORTED + "NameContains CreationTimeAfter CreationTimeBefore "
MODIFIED = CREATED + "LastModifiedTimeAfter LastModifiedTimeBefore StatusEquals "

# The orders of the store that a value of SortBy names, for documents of any kind.
_ORDERS = {"CreationTime": orders.CREATION, "LastModifiedTime": orders.MODIFICATION}
# The most documents that are read at a time.
_AT_ONCE = 500


class Stored:
    """The documents of a kind, of which a page reads no more than it must.

    Args:
        store: what holds them.
        kind: their kind.
        prefix: of their names.
        keep: returns whether an operation may list a document.
        show: returns what it lists of one.
        holds: a text that the JSON of all that `keep` keeps holds, in any case: the others are not
            parsed.
        name_holds: a text of ASCII that the names of those hold, in any case: a NameContains where
            the store's names are those that it filters by, and that SortBy `Name` sorts by. None:
            they are not.
        name_lacks: a text that no name of those holds.
    """

    def __init__(
        self,
        store: Store,
        kind: str,
        prefix: str = "",
        keep: Callable[[Document], bool] = lambda _: True,
        show: Callable[[Document], Document] = lambda document: document,
        holds: str = "",
        name_holds: str | None = None,
        name_lacks: str = "",
    ) -> None:
        self._store, self._keep, self._show = store, keep, show
        self._named = name_holds is not None
        self._selection = Selection(kind, prefix, holds, name_holds or "", name_lacks)

    def all(self) -> list[Document]:
        """All of them, in the order of their creation."""
        kept = filter(self._keep, self._store.select(self._selection))
        return [self._show(document) for document in kept]

    def order(self, by: str, title: str) -> Order | None:
        """The order of the store by a value of SortBy, if it has one.

        Args:
            by: CreationTime, Name, Status or a member.
            title: the beginning of the keys for name and status.
        """
        if by == "Name" and self._named:
            return orders.NAME
        if by == "Status" and self._has_status(title):
            return orders.BY_STATUS
        return _ORDERS.get(by)

    def _has_status(self, title: str) -> bool:
        return orders.STATUS.get(self._selection.kind) == f"{title}Status"

    def of_status(self, title: str, status: str | None) -> Stored:
        """Those of a status, where the store knows the statuses; else, or without one, all."""
        if not status or not self._has_status(title):
            return self
        some = copy.copy(self)
        some._selection = replace(self._selection, status=status)
        return some

    def walk(
        self, order: Order, after: orders.Place | None, descending: bool, at_once: int
    ) -> Iterator[tuple[orders.Place, Document]]:
        """Each with its place in an order of the store.

        Args:
            order: the order.
            after: the place beyond which they begin; None to begin at the first.
            descending: whether the greatest comes first.
            at_once: how many are read at first.
        """
        while True:
            places = self._store.places(
                self._selection, at_once, order=order, after=after, descending=descending
            )
            documents = self._store.read([found.number for found in places])
            for number, _, place in places:
                after = place
                if number in documents and self._keep(documents[number]):
                    yield place, self._show(documents[number])
            if len(places) < at_once:
                return
            at_once = min(2 * at_once, _AT_ONCE)


def page(
    operation: str,
    request: Mapping[str, Any],
    documents: Sequence[Mapping[str, Any]] | Stored,
    member: str,
    title: str,
    *,
    identity: str = "",
    sort_by: str = "CreationTime",
    order: str = "Descending",
    size: int = 10,
    filtered_after: Collection[str] = (),
) -> dict[str, Any]:
    """The response to a List request from all documents of a kind, as SageMaker gives it.

    Args:
        operation: Its name; a token is good for this operation only.
        request: Its NameContains, StatusEquals, CreationTime/LastModifiedTime bounds, SortBy,
            SortOrder, MaxResults and NextToken are applied where present. A token is good only
            with the other members that it was returned for.
        documents: All that the operation may list. Those of the store are not read to sort them in
            an order of the store, in which those with the same value stand by their creation.
        member: The output's list, such as `Models`.
        title: The beginning of the documents' keys for name and status: `Endpoint` for
            `EndpointName` and `EndpointStatus`. Other values of SortBy are keys themselves.
        identity: The key that tells documents apart, where it is not the name.
        sort_by: Where the request has no SortBy.
        order: Where the request has no SortOrder.
        size: Where the request has no MaxResults.
        filtered_after: The filters that act on a page, not before: it can have fewer items than
            MaxResults, or none, and yet a token.

    Raises:
        ApiError: The NextToken is not one that this returned for such a request.
    """
    before = {key: value for key, value in request.items() if key not in filtered_after}
    after = {key: value for key, value in request.items() if key in filtered_after}
    by = request.get("SortBy", sort_by)
    descending = request.get("SortOrder", order) == "Descending"
    token, most = request.get("NextToken"), request.get("MaxResults", size)
    scope = scope_of(operation, request)
    if isinstance(documents, Stored):
        documents = documents.of_status(title, before.get("StatusEquals"))
    if isinstance(documents, Stored) and (ordered := documents.order(by, title)):
        last = page_tokens.last_of(token, scope, ordered) if token else None
        shown: list[tuple[orders.Place, Mapping[str, Any]]] = []
        for place_in_store, item in documents.walk(ordered, last, descending, most + 1):
            if _matches(before, item, title):
                shown.append((place_in_store, item))
                if len(shown) > most:
                    break
        following = page_tokens.encode(scope, shown[most - 1][0]) if len(shown) > most else None
        listed = [item for _, item in shown[:most] if _matches(after, item, title)]
        return {member: listed, "NextToken": following}
    if isinstance(documents, Stored):
        documents = documents.all()
    kept = [item for item in documents if _matches(before, item, title)]
    key, name = f"{title}{by}" if by in ("Name", "Status") else by, identity or f"{title}Name"

    def place(item: Mapping[str, Any]) -> Place:
        return item.get(key), item[name]

    kept.sort(key=lambda item: _rank(place(item)), reverse=descending)
    items, following = cut(kept, token, most, scope=scope, place=place, descending=descending)
    return {member: [i for i in items if _matches(after, i, title)], "NextToken": following}


def scope_of(operation: str, request: Mapping[str, Any]) -> str:
    """What a token is good for: the operation with the request's filters and order."""
    others = {k: v for k, v in request.items() if k not in _PAGING}
    text = json.dumps([operation, others], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_PAGING = ("NextToken", "MaxResults", "nextToken", "limit", "Limit", "Marker", "MaxItems")


def cut(
    items: Sequence[_Item],
    token: str | None,
    size: int,
    *,
    scope: str = "",
    place: Callable[[_Item], Place] | None = None,
    descending: bool = False,
) -> tuple[Sequence[_Item], str | None]:
    """The page of a token, and the token of the next page; None after the last.

    Args:
        items: All of them, in the order of their places.
        token: The request's; None or empty for the first page.
        size: The most items of the page.
        scope: What the token is good for; see `scope_of`.
        place: Returns where an item stands. Without it a token holds a count: for what is only
            ever added at the end.
        descending: Whether the order is from the greatest place to the least.

    Raises:
        ApiError: The token is not one that this returned for the same scope.
    """
    if place is None:
        start = page_tokens.offset_of(token, scope)
        end = start + size
        return items[start:end], page_tokens.encode(scope, end) if end < len(items) else None
    start = 0
    if token:
        last = _rank(page_tokens.place_of(token, scope))
        ranks = (_rank(place(item)) for item in items)
        beyond = (i for i, rank in enumerate(ranks) if (rank < last if descending else rank > last))
        start = next(beyond, len(items))
    shown = items[start : start + size]
    more = start + size < len(items)
    return shown, page_tokens.encode(scope, place(shown[-1])) if more and shown else None


def _rank(place: Place) -> tuple[int, float | str, int, float | str]:
    """A place as a key to sort by: None before numbers before texts."""
    return *_key(place[0]), *_key(place[1])


def _key(value: float | str | None) -> tuple[int, float | str]:
    if value is None:
        return 0, 0
    return (2, value) if isinstance(value, str) else (1, value)


_BOUNDS = {
    **dict.fromkeys(("CreationTimeAfter", "CreationTimeBefore"), "CreationTime"),
    **dict.fromkeys(("CreatedAfter", "CreatedBefore"), "CreationTime"),
    **dict.fromkeys(("LastModifiedTimeAfter", "LastModifiedTimeBefore"), "LastModifiedTime"),
}


def _matches(request: Mapping[str, Any], item: Mapping[str, Any], title: str) -> bool:
    if request.get("NameContains", "").lower() not in item.get(f"{title}Name", "").lower():
        return False
    if "StatusEquals" in request and item.get(f"{title}Status") != request["StatusEquals"]:
        return False
    for bound, key in _BOUNDS.items():
        time = item.get(key) or 0
        if bound in request and (time >= request[bound]) != bound.endswith("After"):
            return False
    return True
