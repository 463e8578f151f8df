"""QueryLineage: the entities that a graph of associations leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import cut, scope_of
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.lineage import associations, entities
from sagemaker_emulator.sagemaker.lineage.entities import Entity
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

# By the reference: the most associations between the start and an entity, and vertices of a page.
_DEEPEST, _MOST = 10, 50


@operation(
    "QueryLineage",
    honours=paths("""
        StartArns Direction IncludeEdges MaxDepth MaxResults NextToken
        Filters{
            Types LineageTypes CreatedBefore CreatedAfter ModifiedBefore ModifiedAfter Properties
        }
    """),
)
def query_lineage(context: Context, request: types.QueryLineageRequestTypeDef) -> Response:
    """Find what an entity descends from, what descends from it, or both, as the filters select.

    With IncludeEdges the response has the start, what lies on the way to each entity, and the
    associations between them (AWS's visualizers draw each edge between two vertices); without,
    only the entities that the filters select.
    """
    starts = request.get("StartArns", [])
    if not starts:
        raise invalid("StartArns: name the ARN of an artifact, action, context or trial component.")
    start = entities.find(context, starts[0])
    if start is None:
        raise entities.missing("Lineage entity", starts[0])
    depth = request.get("MaxDepth", _DEEPEST)
    found, before, edges = _traverse(context, start, request.get("Direction", "Both"), depth)
    selected = [
        entity
        for arn, entity in found.items()
        if arn != start.arn and _matches(request.get("Filters", {}), entity)
    ]
    with_edges = request.get("IncludeEdges", False)
    if with_edges:
        kept = {start.arn}
        for entity in selected:
            arn = entity.arn
            while arn not in kept:
                kept.add(arn)
                arn = before[arn]
        selected = [entity for arn, entity in found.items() if arn in kept]
    shown, token = cut(
        selected,
        request.get("NextToken"),
        request.get("MaxResults", _MOST),
        scope=scope_of("QueryLineage", request),
    )
    known = {entity.arn for entity in selected}
    return {
        "Vertices": [_vertex(entity) for entity in shown],
        "Edges": [
            edge
            for edge in edges.values()
            if with_edges and {edge["SourceArn"], edge["DestinationArn"]} <= known
        ],
        "NextToken": token,
    }


def _traverse(
    context: Context, start: Entity, direction: str, depth: int
) -> tuple[dict[str, Entity], dict[str, str], dict[str, Document]]:
    """The entities within a number of associations of a start, the nearest first.

    With `Both`, each step may go either way, as AWS documents it.

    Returns:
        The entities by ARN; the ARN before each on the way from the start; the associations met.
    """
    found, before, edges = {start.arn: start}, {}, {}
    border = [start.arn]
    for _ in range(depth):
        reached: list[str] = []
        for arn in border:
            steps: list[tuple[Document, str]] = []
            if direction in ("Both", "Descendants"):
                steps += [(each, "DestinationArn") for each in associations.of_source(context, arn)]
            if direction in ("Both", "Ascendants"):
                steps += [(each, "SourceArn") for each in associations.of_destination(context, arn)]
            for edge, end in steps:
                other = edge[end]
                if other not in found:
                    entity = entities.find(context, other)
                    if entity is None:  # a trial component that was deleted
                        continue
                    found[other], before[other] = entity, arn
                    reached.append(other)
                edges[edge["Name"]] = edge
        border = reached
    return found, before, edges


def _matches(filters: Mapping[str, Any], entity: Entity) -> bool:
    document = entity.document
    created, modified = document["CreationTime"], document["LastModifiedTime"]
    properties = filters.get("Properties")
    return (
        _type(entity) in filters.get("Types", [_type(entity)])
        and entity.lineage_type in filters.get("LineageTypes", [entity.lineage_type])
        and created < filters.get("CreatedBefore", float("inf"))
        and created >= filters.get("CreatedAfter", 0)
        and modified < filters.get("ModifiedBefore", float("inf"))
        and modified >= filters.get("ModifiedAfter", 0)
        and (
            not properties
            or any(document.get("Properties", {}).get(k) == v for k, v in properties.items())
        )
    )


def _vertex(entity: Entity) -> Document:
    return {"Arn": entity.arn, "Type": _type(entity), "LineageType": entity.lineage_type}


def _type(entity: Entity) -> str:
    """A vertex's type: the SDK filters a training job's component by `TrainingJob`."""
    return entity.type.removeprefix("SageMaker")
