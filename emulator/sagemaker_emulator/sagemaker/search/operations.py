"""Search and GetSearchSuggestions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.model import StructureShape

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import SORTED, Stored, page
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.search import expressions, properties
from sagemaker_emulator.sagemaker.search.resources import RESOURCES, Resource
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from types_boto3_sagemaker import type_defs as types

# JSON writes printable ASCII as it is, but for two characters.
_PLAIN = re.compile(r"[ !#-\[\]-~]+")
_SUGGESTIONS = 500
_TAGS = "Tags."


@operation(
    "Search",
    honours=paths(
        SORTED + "Resource CrossAccountFilterOption VisibilityConditions{Key Value} "
        "SearchExpression{Filters NestedFilters{NestedPropertyName Filters} SubExpressions "
        "Operator}"
    ),
)
def search(context: Context, request: types.SearchRequestTypeDef) -> Response:
    """Find resources of a kind; those last changed come first by default."""
    resource = _requested(request["Resource"])
    shape = resource.shape
    expression = request.get("SearchExpression", {})
    matches = expressions.parse(shape, expression)
    visible = _visible(request.get("VisibilityConditions", []))
    sort_by = request.get("SortBy") or _default_order(shape)
    sorted_by = None if sort_by == "CreationTime" else properties.find(shape, sort_by)
    read = expressions.members_of(shape, expression)
    if sorted_by is not None:
        read.add(sorted_by.member)
    if request.get("VisibilityConditions"):
        read.add("Tags")

    def view(document: Document) -> Document:
        return resource.shown(context, document, read)

    def keep(document: Document) -> bool:
        shown = view(document)
        return matches(shown) and visible(shown)

    def show(document: Document) -> Document:
        if sorted_by is None:
            return document
        return {**document, sort_by: sorted_by.first(view(document))}

    name_holds, holds = _texts(resource, shape, expression)
    # No other account shares anything with this one.
    found = page(
        "Search",
        {**request, "SortBy": sort_by},
        []
        if request.get("CrossAccountFilterOption") == "CrossAccount"
        else Stored(
            context.store,
            resource.kind,
            keep=keep,
            show=show,
            holds=holds,
            name_holds=name_holds,
        ),
        "Results",
        "",
        identity=resource.arn,
    )
    results = [
        {resource.record: resource.shown(context, each, shape.members)} for each in found["Results"]
    ]
    return {**found, "Results": results}


@operation(
    "GetSearchSuggestions",
    honours=paths("Resource SuggestionQuery{PropertyNameQuery{PropertyNameHint}}"),
)
def suggest(context: Context, request: types.GetSearchSuggestionsRequestTypeDef) -> Response:
    """The names of the properties that a resource can be searched by."""
    query = request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
    hint = query.get("PropertyNameHint", "").lower()
    known = properties.names(_requested(request["Resource"]).shape)
    matching = [name for name in known if name.lower().startswith(hint)]
    return {"PropertyNameSuggestions": [{"PropertyName": each} for each in matching[:_SUGGESTIONS]]}


def _requested(name: str) -> Resource:
    if name not in RESOURCES:
        raise invalid(
            f"Resource {name} is not supported: the emulator has no such resources, and searches "
            f"{', '.join(RESOURCES)}."
        )
    return RESOURCES[name]


def _default_order(shape: StructureShape) -> str:
    return "LastModifiedTime" if "LastModifiedTime" in shape.members else "CreationTime"


def _texts(
    resource: Resource, shape: StructureShape, expression: Mapping[str, Any]
) -> tuple[str, str]:
    """What the names, and the JSON, of all documents have that may satisfy an expression.

    Empty where nothing is sure. The longest text of several: it is in the fewest documents.
    """
    if not resource.stored:
        return "", ""
    texts = [
        (found.member, text)
        for found, text in expressions.required_texts(shape, expression)
        if "." not in found.name and _PLAIN.fullmatch(text)  # what is below may be filled in
    ]
    names = [text for member, text in texts if member == resource.name]
    return max(names, key=len, default=""), max((text for _, text in texts), key=len, default="")


def _visible(
    conditions: Sequence[types.VisibilityConditionsTypeDef],
) -> Callable[[Document], bool]:
    """A test of a resource's tags: one that it has must have the value; see AWS's reference.

    Raises:
        ApiError: A key is not `Tags.KEY`.
    """
    required = {}
    for condition in conditions:
        key = condition.get("Key", "")
        if not key.startswith(_TAGS):
            raise invalid(f"Key {key!r} of VisibilityConditions must be {_TAGS}KEY.")
        required[key.removeprefix(_TAGS)] = condition.get("Value", "")
    return lambda resource: all(
        required.get(tag["Key"], tag["Value"]) == tag["Value"] for tag in resource.get("Tags", [])
    )
