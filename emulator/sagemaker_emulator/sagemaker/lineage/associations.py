"""Associations: directed edges between the entities of lineage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import SORTED, Stored, page
from sagemaker_emulator.errors import invalid, not_found
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.sagemaker.lineage import entities
from sagemaker_emulator.sagemaker.lineage.entities import Entity
from sagemaker_emulator.storage.selection import Selection
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

# The kind of their documents, named `SOURCE|DESTINATION`; `_BACK` names each the other way round.
KIND = "association"
_BACK = "association-of-destination"
# The type of each end, and the kind of entity that it is.
_TYPES = {"SourceType": "SourceKind", "DestinationType": "DestinationKind"}
_ENDS = ("Source", "Destination")


@operation("AddAssociation", honours=paths("SourceArn DestinationArn AssociationType"))
def add_association(context: Context, request: types.AddAssociationRequestTypeDef) -> Response:
    """Associate a source with a destination; the SDK matches "already exists"."""
    with context.store.transaction():
        source = _existing(context, request["SourceArn"])
        destination = _existing(context, request["DestinationArn"])
        if source.lineage_type == destination.lineage_type == "TrialComponent":
            raise invalid(
                f"An association needs an artifact, action or context; {source.arn} and "
                f"{destination.arn} are trial components."
            )
        if not add(context, source, destination, request.get("AssociationType")):
            raise invalid(
                f"Association between '{source.arn}' and '{destination.arn}' already exists."
            )
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation("DeleteAssociation", honours=paths("SourceArn DestinationArn"))
def delete_association(
    context: Context, request: types.DeleteAssociationRequestTypeDef
) -> Response:
    """Remove an association."""
    source, destination = request["SourceArn"], request["DestinationArn"]
    with context.store.transaction():
        context.store.delete(_BACK, f"{destination}|{source}")
        if not context.store.delete(KIND, f"{source}|{destination}"):
            raise not_found(f"Association between '{source}' and '{destination}' does not exist.")
    return {"SourceArn": source, "DestinationArn": destination}


@operation(
    "ListAssociations",
    honours=paths(
        SORTED + "SourceArn DestinationArn SourceType DestinationType AssociationType CreatedAfter "
        "CreatedBefore"
    ),
)
def list_associations(context: Context, request: types.ListAssociationsRequestTypeDef) -> Response:
    """Associations by source, destination, type and time.

    A type is that of the entity, such as DataSet, or its kind, such as Artifact: the SDK's helpers
    (`ModelArtifact.endpoints`) request both.
    """
    exact = ("DestinationArn", "AssociationType")

    def keep(association: Document) -> bool:
        return all(
            request.get(member, association[member]) in (association[member], association[kind])
            for member, kind in _TYPES.items()
        ) and all(
            request.get(member, association.get(member)) == association.get(member)
            for member in exact
        )

    associations = Stored(
        context.store,
        KIND,
        f"{request['SourceArn']}|" if "SourceArn" in request else "",
        keep=keep,
        show=lambda each: with_user(context, each),
        name_holds=f"|{request['DestinationArn']}" if "DestinationArn" in request else "",
    )
    return page(
        "ListAssociations", request, associations, "AssociationSummaries", "", identity="Name"
    )


def add(
    context: Context, source: Entity, destination: Entity, association_type: str | None = None
) -> bool:
    """Associate two entities; return whether they were not associated."""
    name = f"{source.arn}|{destination.arn}"
    document: Document = {"Name": name, "CreationTime": time.time()}
    for end, entity in zip(_ENDS, (source, destination), strict=True):
        document |= {
            f"{end}Arn": entity.arn,
            f"{end}Type": entity.type,
            f"{end}Kind": entity.lineage_type,
            **({f"{end}Name": entity.name} if entity.name else {}),
        }
    if association_type:
        document["AssociationType"] = association_type
    with context.store.transaction():
        if not context.store.create(KIND, name, document):
            return False
        context.store.put(_BACK, f"{destination.arn}|{source.arn}", {"Name": name})
    return True


def of_source(context: Context, arn: str) -> list[Document]:
    """The associations whose source an entity is."""
    return context.store.list(KIND, f"{arn}|")


def of_destination(context: Context, arn: str) -> Iterator[Document]:
    """The associations whose destination an entity is."""
    for back in context.store.list(_BACK, f"{arn}|"):
        if association := context.store.get(KIND, back["Name"]):
            yield association


def forget(context: Context, arn: str) -> None:
    """Remove the associations of an entity that is being deleted."""
    for association in [*of_source(context, arn), *of_destination(context, arn)]:
        source, destination = association["SourceArn"], association["DestinationArn"]
        context.store.delete(KIND, association["Name"])
        context.store.delete(_BACK, f"{destination}|{source}")


def exist(context: Context, arn: str) -> bool:
    """Whether an entity is an end of an association."""
    return any(context.store.places(Selection(kind, f"{arn}|"), 1) for kind in (KIND, _BACK))


def _existing(context: Context, arn: str) -> Entity:
    """The entity of an ARN.

    Raises:
        ApiError: There is none, or the ARN is not one of lineage.
    """
    entity = entities.find(context, arn)
    if entity is None:
        raise not_found(
            f"'{arn}' does not exist; an association is between artifacts, actions, contexts and "
            "trial components."
        )
    return entity
