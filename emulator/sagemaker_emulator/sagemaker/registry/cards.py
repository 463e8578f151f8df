"""Model cards, and their versions.

An edit of the content makes a version, a change of the status none; the content and the status are
not changed by one request (https://docs.aws.amazon.com/sagemaker/latest/dg/model-cards.html, and
the reference of UpdateModelCard). Export jobs, which make PDF files, are not here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws import numerals
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import PAGED, SORTED, Stored, page
from sagemaker_emulator.errors import ApiError, invalid, not_found
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

# Of the latest version of a card, and of each version, named `NAME/NUMBER`.
KIND, _VERSION = "model-card", "model-card-version"
_FILTERS = "CreationTimeAfter CreationTimeBefore ModelCardStatus "


@operation(
    "CreateModelCard",
    honours=paths("ModelCardName Content ModelCardStatus Tags"),
    keeps=paths("SecurityConfig{KmsKeyId}"),
)
def create_card(context: Context, request: types.CreateModelCardRequestTypeDef) -> Response:
    """Create a card, as its version 1."""
    _check_content(request["Content"])
    name, now = request["ModelCardName"], time.time()
    arn = context.arn(KIND, name)
    card: Document = {
        **{key: value for key, value in request.items() if key != "Tags"},
        "ModelCardArn": arn,
        "ModelCardVersion": 1,
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    with context.store.transaction():
        if not context.store.create(KIND, name, card):
            raise ApiError("ConflictException", f"Modelcard {name} already exists")
        context.store.put(_VERSION, f"{name}/1", card)
        tags.add(context, arn, request.get("Tags"))
    return {"ModelCardArn": arn}


@operation("DescribeModelCard", honours=paths("ModelCardName ModelCardVersion IncludedData"))
def describe_card(context: Context, request: types.DescribeModelCardRequestTypeDef) -> Response:
    """A card's latest version, or the requested one."""
    if request.get("IncludedData") == "MetadataOnly":
        raise invalid("IncludedData: the emulator returns AllData; a model card is not encrypted.")
    card = _get(context, request["ModelCardName"])
    if version := request.get("ModelCardVersion"):
        name = card["ModelCardName"]
        found = context.store.get(_VERSION, f"{name}/{version}")
        if found is None:
            raise not_found(f"Modelcard with name {name} and version: {version} does not exist")
        card = found
    return with_user(context, card)


@operation("UpdateModelCard", honours=paths("ModelCardName Content ModelCardStatus"))
def update_card(context: Context, request: types.UpdateModelCardRequestTypeDef) -> Response:
    """Make a version with other content, or change the status of the latest."""
    if ("Content" in request) == ("ModelCardStatus" in request):
        raise invalid(
            "You cannot update both model card content and model card status in a single call; "
            "request one of them."
        )
    if "Content" in request:
        _check_content(request["Content"])
    with context.store.transaction():
        card = _get(context, request["ModelCardName"])
        if card["ModelCardStatus"] == "Archived":
            raise ApiError(
                "ConflictException",
                f"Modelcard {card['ModelCardName']} is Archived; no more updates are made to it.",
            )
        now = time.time()
        if "Content" in request:
            card["ModelCardVersion"] += 1
            card |= {"Content": request["Content"], "CreationTime": now}
        else:
            card["ModelCardStatus"] = request["ModelCardStatus"]
        card["LastModifiedTime"] = now
        name = card["ModelCardName"]
        context.store.put(KIND, name, card)
        context.store.put(_VERSION, f"{name}/{card['ModelCardVersion']}", card)
    return {"ModelCardArn": card["ModelCardArn"]}


@operation("ListModelCards", honours=paths(SORTED + _FILTERS + "NameContains"))
def list_cards(context: Context, request: types.ListModelCardsRequestTypeDef) -> Response:
    """Cards by name part, status and time."""
    status = request.get("ModelCardStatus")
    cards = Stored(
        context.store,
        KIND,
        keep=lambda card: status in (None, card["ModelCardStatus"]),
        name_holds=request.get("NameContains", ""),
    )
    return page("ListModelCards", request, cards, "ModelCardSummaries", "ModelCard")


@operation(
    "ListModelCardVersions",
    honours=paths(PAGED + _FILTERS + "ModelCardName SortBy SortOrder"),
)
def list_versions(context: Context, request: types.ListModelCardVersionsRequestTypeDef) -> Response:
    """A card's versions by status and time, the latest first."""
    name = _get(context, request["ModelCardName"])["ModelCardName"]
    status = request.get("ModelCardStatus")
    versions = Stored(
        context.store,
        _VERSION,
        f"{name}/",
        keep=lambda card: status in (None, card["ModelCardStatus"]),
        show=lambda card: {**card, "Version": card["ModelCardVersion"]},
    )
    return page(
        "ListModelCardVersions",
        request,
        versions,
        "ModelCardVersionSummaryList",
        "ModelCard",
        identity="ModelCardVersion",
        sort_by="Version",
    )


@operation("DeleteModelCard", honours=paths("ModelCardName"))
def delete_card(context: Context, request: types.DeleteModelCardRequestTypeDef) -> Response:
    """Forget a card with all its versions."""
    with context.store.transaction():
        card = _get(context, request["ModelCardName"])
        name = card["ModelCardName"]
        for version in context.store.list(_VERSION, f"{name}/"):
            context.store.delete(_VERSION, f"{name}/{version['ModelCardVersion']}")
        context.store.delete(KIND, name)
        context.store.delete("tags", card["ModelCardArn"])
    return {}


def searched(context: Context, card: Document) -> Document:
    """A card as Search shows it, with three members of its content."""
    content = numerals.parse_json(card["Content"])
    found: Document = {}
    for member, section, key in (
        ("ModelId", "model_overview", "model_id"),
        ("RiskRating", "intended_uses", "risk_rating"),
        ("ModelPackageGroupName", "model_package_details", "model_package_group_name"),
    ):
        part: Any = content.get(section)
        if isinstance(part, dict) and isinstance(value := part.get(key), str):
            found[member] = value
    return with_user(context, {**card, **found})


def _get(context: Context, identifier: str) -> Document:
    """A card's latest version, by name or ARN.

    Raises:
        ApiError: There is no such card.
    """
    name = identifier.rpartition("/")[2]
    card = context.store.get(KIND, name)
    if card is None:
        raise not_found(f"Modelcard {name} does not exist.")
    return card


def _check_content(text: str) -> None:
    """Check that a card's content is a JSON object; its schema is not checked.

    Raises:
        ApiError: It is none.
    """
    try:
        content = numerals.parse_json(text)
    except (ValueError, RecursionError) as problem:
        raise invalid(f"Content is not a JSON document: {problem}") from None
    if not isinstance(content, dict):
        raise invalid("Content must be a JSON object in the model card JSON schema.")
