"""The entities of lineage in the store: artifacts, actions, contexts, and trial components."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError, invalid, not_found
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.experiments.records import COMPONENT, RecordKind
from sagemaker_emulator.storage.store import Document

# The most properties that an entity may have.
_PROPERTIES = 30


class EntityKind(RecordKind):
    """A kind of entity that lineage has of its own; its title is its LineageType, too."""

    @property
    def type_key(self) -> str:
        """`ArtifactType`."""
        return f"{self.title}Type"


ARTIFACT = EntityKind("Artifact", "artifact")
ACTION = EntityKind("Action", "action")
CONTEXT = EntityKind("Context", "context")
KINDS = {kind.resource: kind for kind in (ARTIFACT, ACTION, CONTEXT)}


@dataclass(frozen=True)
class Entity:
    """An entity of any kind, as associations and queries see it.

    Attributes:
        arn: its ARN.
        lineage_type: Artifact, Action, Context or TrialComponent.
        type: its own type, such as DataSet; of a job's trial component `SageMakerTrainingJob`.
        name: its name; empty for an artifact that has none.
        document: its document.
    """

    arn: str
    lineage_type: str
    type: str
    name: str
    document: Document


def artifact_id(source: Mapping[str, Any]) -> str:
    """The last part of an artifact's ARN: there is one artifact of each Source."""
    types = sorted((each["SourceIdType"], each["Value"]) for each in source.get("SourceTypes", []))
    return hashlib.md5(
        json.dumps([source["SourceUri"], types]).encode(), usedforsecurity=False
    ).hexdigest()


def create(context: Context, kind: EntityKind, request: Mapping[str, Any]) -> dict[str, str]:
    """Create an entity.

    Returns:
        The Create operation's response.

    Raises:
        ApiError: There is one of that name, or an artifact of that source; the SDK matches
            "already exists".
    """
    with context.store.transaction():
        made, is_new = ensure(context, kind, request)
        if not is_new:
            raise invalid(f"{kind.title} '{made.arn}' already exists.")
        tags.add(context, made.arn, request.get("Tags"))
    return {kind.arn_key: made.arn}


def ensure(context: Context, kind: EntityKind, request: Mapping[str, Any]) -> tuple[Entity, bool]:
    """The entity of a Create request, without its tags, and whether it was created for it."""
    key = artifact_id(request["Source"]) if kind == ARTIFACT else request[kind.name_key].lower()
    now = time.time()
    document: Document = {
        **{name: value for name, value in request.items() if name != "Tags"},
        kind.arn_key: context.arn(kind.resource, key),
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    with context.store.transaction():
        is_new = context.store.create(kind.resource, key, document)
        if not is_new:
            document = context.store.get(kind.resource, key) or document
    return _entity(kind, document), is_new


def get(context: Context, kind: EntityKind, identifier: str) -> Document:
    """An entity by name or ARN.

    Raises:
        ApiError: There is none.
    """
    key = identifier.rpartition("/")[2].lower()
    document = context.store.get(kind.resource, key)
    if document is None:
        raise missing(kind.title, context.arn(kind.resource, key))
    return document


def missing(title: str, arn: str) -> ApiError:
    """The refusal of an entity that is not there."""
    return not_found(f"{title} '{arn}' does not exist.")


def find(context: Context, arn: str) -> Entity | None:
    """The entity of an ARN; None where there is none."""
    resource, _, key = arn.rpartition(":")[2].partition("/")
    key = key.lower()
    document = (
        context.store.get(resource, key) if resource in (*KINDS, COMPONENT.resource) else None
    )
    if document is None:
        return None
    if kind := KINDS.get(resource):
        return _entity(kind, document)
    own_type = (document.get("Source") or {}).get("SourceType", "")
    name, arn = document["TrialComponentName"], document["TrialComponentArn"]
    return Entity(arn, "TrialComponent", own_type, name, document)


def _entity(kind: EntityKind, document: Document) -> Entity:
    name, own_type = document.get(kind.name_key, ""), document.get(kind.type_key, "")
    return Entity(document[kind.arn_key], kind.title, own_type, name, document)


def update(
    context: Context, kind: EntityKind, identifier: str, request: Mapping[str, Any], *members: str
) -> dict[str, str]:
    """Replace the members of an entity that a request has, and add and remove properties.

    Returns:
        The Update operation's response.
    """
    with context.store.transaction():
        document = get(context, kind, identifier)
        document |= {name: request[name] for name in members if name in request}
        properties = document.get("Properties", {}) | request.get("Properties", {})
        for name in request.get("PropertiesToRemove", []):
            properties.pop(name, None)
        if len(properties) > _PROPERTIES:
            raise invalid(
                f"{kind.title} '{document[kind.arn_key]}' would have {len(properties)} properties; "
                f"at most {_PROPERTIES} are allowed. Remove some by PropertiesToRemove."
            )
        if properties or "Properties" in document:
            document["Properties"] = properties
        document["LastModifiedTime"] = time.time()
        context.store.put(kind.resource, document[kind.arn_key].rpartition("/")[2], document)
    return {kind.arn_key: document[kind.arn_key]}
