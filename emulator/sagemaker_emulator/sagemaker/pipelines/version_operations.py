"""Versions of pipelines: listed, named and described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import PAGED, Stored, page
from sagemaker_emulator.sagemaker.pipelines import versions
from sagemaker_emulator.sagemaker.pipelines.operations import requested_pipeline

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types


@operation(
    "ListPipelineVersions",
    honours=paths(PAGED + "PipelineName CreatedAfter CreatedBefore SortOrder"),
)
def list_versions(context: Context, request: types.ListPipelineVersionsRequestTypeDef) -> Response:
    """List a pipeline's versions, latest first unless the request orders otherwise."""
    pipeline = requested_pipeline(context, request)
    versions.keep_first(context.store, pipeline)
    return page(
        "ListPipelineVersions",
        request,
        Stored(context.store, versions.VERSION, f"{pipeline['PipelineName']}/"),
        "PipelineVersionSummaries",
        "PipelineVersion",
        identity="PipelineVersionId",
    )


@operation(
    "UpdatePipelineVersion",
    honours=paths("""
        PipelineArn PipelineVersionId PipelineVersionDisplayName PipelineVersionDescription
        PipelineVersionAliasOperations{Add Remove}
    """),
)
def update_version(
    context: Context, request: types.UpdatePipelineVersionRequestTypeDef
) -> Response:
    """Change a version's name, description or aliases."""
    kept = ("PipelineVersionDisplayName", "PipelineVersionDescription")
    changes: dict[str, Any] = {key: value for key, value in request.items() if key in kept}
    store = context.store
    with store.transaction():
        pipeline = requested_pipeline(context, {"PipelineName": request["PipelineArn"]})
        version = versions.requested_version(store, pipeline, request)
        aliases: Any = request.get("PipelineVersionAliasOperations")
        if aliases:
            added, removed = aliases.get("Add", ()), aliases.get("Remove", ())
            changes["PipelineVersionAliases"] = versions.with_aliases(
                store, pipeline, version, added, removed
            )
        store.update(versions.VERSION, version["Name"], **changes)
    return {
        "PipelineArn": pipeline["PipelineArn"],
        "PipelineVersionId": version["PipelineVersionId"],
    }
