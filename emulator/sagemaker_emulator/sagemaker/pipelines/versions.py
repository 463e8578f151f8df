"""The versions of a pipeline: each other definition that it was given, with names for them.

A version is made by CreatePipeline and by each UpdatePipeline that changes the definition; its
number is one more than that of the version before. Sources: the members' documentation of
CreatePipeline, UpdatePipeline, UpdatePipelineVersion and StartPipelineExecution in SageMaker's API
reference (an alias is unique within the pipeline, does not consist of digits only, and a version
has up to 10). AWS documents no texts of the errors.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, cast

from sagemaker_emulator.errors import invalid, not_found
from sagemaker_emulator.sagemaker.pipelines.run import records
from sagemaker_emulator.storage.selection import Selection

if TYPE_CHECKING:
    from sagemaker_emulator.storage.store import Store

# The kind of their documents, which are named `PIPELINE/NUMBER`.
VERSION = "pipeline-version"
_MOST_ALIASES = 10


class VersionRecord(TypedDict):
    """A version; its definition is kept beside it, under DefinitionName, once for all executions.

    `Name` is its own name in the store; the time is in seconds since the epoch.
    """

    Name: str
    PipelineArn: str
    PipelineVersionId: int
    CreationTime: float
    DefinitionName: str
    PipelineVersionAliases: list[str]
    PipelineVersionDisplayName: NotRequired[str]
    PipelineVersionDescription: NotRequired[str]
    LastExecutionPipelineExecutionArn: NotRequired[str]


def add(store: Store, pipeline: records.PipelineRecord, aliases: Iterable[str] = ()) -> None:
    """Keep a pipeline's present definition as its version `pipeline["Version"]`.

    Raises:
        ApiError: an alias is not allowed.
    """
    record: VersionRecord = {
        "Name": _name(pipeline, pipeline["Version"]),
        "PipelineArn": pipeline["PipelineArn"],
        "PipelineVersionId": pipeline["Version"],
        "CreationTime": time.time(),
        "DefinitionName": records.keep_definition(store, pipeline),
        "PipelineVersionAliases": [],
    }
    record["PipelineVersionAliases"] = with_aliases(store, pipeline, record, aliases)
    store.put(VERSION, record["Name"], dict(record))


def keep_first(store: Store, pipeline: records.PipelineRecord) -> None:
    """Make the version of a pipeline that was made before the emulator kept versions.

    Of such a pipeline only the latest definition is known.
    """
    name = pipeline["PipelineName"]
    if store.get(VERSION, _name(pipeline, pipeline["Version"])):
        return
    with store.transaction():
        present = store.get(records.PIPELINE, name)  # not if it was deleted meanwhile
        if present and not store.places(Selection(VERSION, f"{name}/"), 1):
            add(store, cast(records.PipelineRecord, present))


def requested_version(
    store: Store, pipeline: records.PipelineRecord, request: Mapping[str, Any]
) -> VersionRecord:
    """Return the version that a request names by PipelineVersionId or PipelineVersionAlias.

    Without either it is the latest.

    Raises:
        ApiError: there is none, or the request names it twice.
    """
    number, alias = request.get("PipelineVersionId"), request.get("PipelineVersionAlias")
    if number is not None and alias is not None:
        raise invalid("Use PipelineVersionId or PipelineVersionAlias, not both.")
    keep_first(store, pipeline)
    if alias is not None:
        for version in _all(store, pipeline):
            if alias in version["PipelineVersionAliases"]:
                return version
        raise not_found(
            f"No version of pipeline '{pipeline['PipelineArn']}' has the alias '{alias}'. "
            "ListPipelineVersions lists the aliases."
        )
    number = pipeline["Version"] if number is None else number
    found = store.get(VERSION, _name(pipeline, number))
    if found is None:
        raise not_found(
            f"Version {number} of pipeline '{pipeline['PipelineArn']}' does not exist. "
            f"The latest is {pipeline['Version']}; ListPipelineVersions lists them."
        )
    return cast(VersionRecord, found)


def definition_of(store: Store, version: VersionRecord) -> str:
    """Return the definition of a version.

    Raises:
        ApiError: the pipeline was deleted meanwhile.
    """
    kept = store.get(records.DEFINITION, version["DefinitionName"])
    if kept is None:
        raise not_found(f"Pipeline '{version['PipelineArn']}' does not exist.")
    return str(kept["PipelineDefinition"])


def aliases_of(store: Store, execution: records.ExecutionRecord) -> list[str] | None:
    """Return the aliases that an execution's version has now; None without any."""
    name = f"{execution['PipelineName']}/{execution['PipelineVersionId']}"
    version = store.get(VERSION, name)  # earlier versions of the emulator did not keep all
    return (version and version["PipelineVersionAliases"]) or None


def with_aliases(
    store: Store,
    pipeline: records.PipelineRecord,
    version: VersionRecord,
    added: Iterable[str] = (),
    removed: Iterable[str] = (),
) -> list[str]:
    """Return a version's aliases after some are removed and then some added.

    Raises:
        ApiError: one to remove is not there, one to add is another version's or consists of digits
            only, or there would be more than 10.
    """
    aliases = list(version["PipelineVersionAliases"])
    for alias in removed:
        if alias not in aliases:
            raise invalid(
                f"Version {version['PipelineVersionId']} of pipeline '{pipeline['PipelineName']}' "
                f"does not have the alias '{alias}'. Its aliases: {', '.join(aliases) or 'none'}."
            )
        aliases.remove(alias)
    owners = {
        alias: other["PipelineVersionId"]
        for other in _all(store, pipeline)
        if other["PipelineVersionId"] != version["PipelineVersionId"]
        for alias in other["PipelineVersionAliases"]
    }
    for alias in added:
        if alias.isdigit():
            raise invalid(f"The pipeline version alias '{alias}' can't consist of numbers only.")
        if alias in owners:
            raise invalid(
                f"An alias must be unique within the pipeline: '{alias}' is assigned to version "
                f"{owners[alias]}. Remove it there first, with UpdatePipelineVersion."
            )
        if alias not in aliases:
            aliases.append(alias)
    if len(aliases) > _MOST_ALIASES:
        raise invalid(
            f"A pipeline version can have up to {_MOST_ALIASES} aliases; this one would have "
            f"{len(aliases)}. Remove some of them."
        )
    return aliases


def _all(store: Store, pipeline: records.PipelineRecord) -> list[VersionRecord]:
    return cast(list[VersionRecord], store.list(VERSION, f"{pipeline['PipelineName']}/"))


def _name(pipeline: records.PipelineRecord, number: int) -> str:
    return f"{pipeline['PipelineName']}/{number}"
