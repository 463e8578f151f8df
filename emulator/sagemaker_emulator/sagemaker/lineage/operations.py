"""Artifacts, actions and contexts: the operations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import SORTED, Stored, page
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.sagemaker.lineage import associations, entities
from sagemaker_emulator.sagemaker.lineage.entities import ACTION, ARTIFACT, CONTEXT, EntityKind
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

_LISTED = SORTED + "SourceUri CreatedAfter CreatedBefore "


@operation(
    "CreateArtifact",
    honours=paths("ArtifactName Source ArtifactType Properties MetadataProperties Tags"),
)
def create_artifact(context: Context, request: types.CreateArtifactRequestTypeDef) -> Response:
    """Create the artifact of a source."""
    return entities.create(context, ARTIFACT, request)


@operation(
    "CreateAction",
    honours=paths(
        "ActionName Source ActionType Description Status Properties MetadataProperties Tags"
    ),
)
def create_action(context: Context, request: types.CreateActionRequestTypeDef) -> Response:
    """Create an action."""
    return entities.create(context, ACTION, request)


@operation(
    "CreateContext", honours=paths("ContextName Source ContextType Description Properties Tags")
)
def create_context(context: Context, request: types.CreateContextRequestTypeDef) -> Response:
    """Create a context."""
    return entities.create(context, CONTEXT, request)


@operation("DescribeArtifact", honours=paths("ArtifactArn"))
def describe_artifact(context: Context, request: types.DescribeArtifactRequestTypeDef) -> Response:
    """An artifact."""
    return with_user(context, entities.get(context, ARTIFACT, request["ArtifactArn"]))


@operation("DescribeAction", honours=paths("ActionName"))
def describe_action(context: Context, request: types.DescribeActionRequestTypeDef) -> Response:
    """An action."""
    return with_user(context, entities.get(context, ACTION, request["ActionName"]))


@operation("DescribeContext", honours=paths("ContextName"))
def describe_context(context: Context, request: types.DescribeContextRequestTypeDef) -> Response:
    """A context."""
    return with_user(context, entities.get(context, CONTEXT, request["ContextName"]))


@operation(
    "UpdateArtifact", honours=paths("ArtifactArn ArtifactName Properties PropertiesToRemove")
)
def update_artifact(context: Context, request: types.UpdateArtifactRequestTypeDef) -> Response:
    """Name an artifact, and add and remove properties."""
    return entities.update(context, ARTIFACT, request["ArtifactArn"], request, "ArtifactName")


@operation(
    "UpdateAction", honours=paths("ActionName Description Status Properties PropertiesToRemove")
)
def update_action(context: Context, request: types.UpdateActionRequestTypeDef) -> Response:
    """Change an action's status and description, and add and remove properties."""
    members = ("Description", "Status")
    return entities.update(context, ACTION, request["ActionName"], request, *members)


@operation("UpdateContext", honours=paths("ContextName Description Properties PropertiesToRemove"))
def update_context(context: Context, request: types.UpdateContextRequestTypeDef) -> Response:
    """Change a context's description, and add and remove properties."""
    return entities.update(context, CONTEXT, request["ContextName"], request, "Description")


@operation("DeleteArtifact", honours=paths("ArtifactArn Source"))
def delete_artifact(context: Context, request: types.DeleteArtifactRequestTypeDef) -> Response:
    """Forget an artifact, by ARN or source, that no association has."""
    if ("ArtifactArn" in request) == ("Source" in request):
        raise invalid("Either ArtifactArn or Source must be specified.")
    identifier = request.get("ArtifactArn") or entities.artifact_id(request["Source"])
    return _delete(context, ARTIFACT, identifier)


@operation("DeleteAction", honours=paths("ActionName"))
def delete_action(context: Context, request: types.DeleteActionRequestTypeDef) -> Response:
    """Forget an action that no association has."""
    return _delete(context, ACTION, request["ActionName"])


@operation("DeleteContext", honours=paths("ContextName"))
def delete_context(context: Context, request: types.DeleteContextRequestTypeDef) -> Response:
    """Forget a context that no association has."""
    return _delete(context, CONTEXT, request["ContextName"])


@operation("ListArtifacts", honours=paths(_LISTED + "ArtifactType"))
def list_artifacts(context: Context, request: types.ListArtifactsRequestTypeDef) -> Response:
    """Artifacts by source, type and time."""
    return _list(context, ARTIFACT, request)


@operation("ListActions", honours=paths(_LISTED + "ActionType"))
def list_actions(context: Context, request: types.ListActionsRequestTypeDef) -> Response:
    """Actions by source, type and time."""
    return _list(context, ACTION, request)


@operation("ListContexts", honours=paths(_LISTED + "ContextType"))
def list_contexts(context: Context, request: types.ListContextsRequestTypeDef) -> Response:
    """Contexts by source, type and time."""
    return _list(context, CONTEXT, request)


def _list(context: Context, kind: EntityKind, request: Mapping[str, Any]) -> Response:
    uri, own_type = request.get("SourceUri"), request.get(kind.type_key)

    def keep(entity: Document) -> bool:
        return (uri is None or entity["Source"]["SourceUri"] == uri) and (
            own_type is None or entity[kind.type_key] == own_type
        )

    stored = Stored(
        context.store, kind.resource, keep=keep, holds=json.dumps(uri)[1:-1] if uri else ""
    )
    return page(
        f"List{kind.title}s",
        request,
        stored,
        f"{kind.title}Summaries",
        kind.title,
        identity=kind.arn_key,
    )


def _delete(context: Context, kind: EntityKind, identifier: str) -> Response:
    with context.store.transaction():
        document = entities.get(context, kind, identifier)
        arn = document[kind.arn_key]
        if associations.exist(context, arn):
            raise invalid(
                f"{kind.title} '{arn}' has 1 or more associations and cannot be deleted. Remove "
                "them by DeleteAssociation."
            )
        context.store.delete(kind.resource, arn.rpartition("/")[2])
        context.store.delete("tags", arn)
    return {kind.arn_key: arn}
