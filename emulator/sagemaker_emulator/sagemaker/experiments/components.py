"""Trial components: the operations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.members import paths
from sagemaker_emulator.aws.pages import Stored, page
from sagemaker_emulator.errors import invalid
from sagemaker_emulator.sagemaker.defaults import with_user
from sagemaker_emulator.sagemaker.experiments import metrics, records
from sagemaker_emulator.sagemaker.experiments.operations import CREATED_BETWEEN
from sagemaker_emulator.sagemaker.experiments.records import COMPONENT, EXPERIMENT, TRIAL
from sagemaker_emulator.sagemaker.lineage import associations
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_sagemaker import type_defs as types

# The maps that UpdateTrialComponent adds to: what removes from each, and its most entries.
_MAPS = {
    "Parameters": ("ParametersToRemove", 300),
    "InputArtifacts": ("InputArtifactsToRemove", 60),
    "OutputArtifacts": ("OutputArtifactsToRemove", 60),
}
_REPLACED = ("DisplayName", "Status", "StartTime", "EndTime")
_FILTERS = ("ExperimentName", "TrialName", "SourceArn")


@operation(
    "CreateTrialComponent",
    honours=paths("""
        TrialComponentName DisplayName Status StartTime EndTime Parameters InputArtifacts
        OutputArtifacts MetadataProperties Tags
    """),
)
def create_component(
    context: Context, request: types.CreateTrialComponentRequestTypeDef
) -> Response:
    """Create a trial component of no trial; the SDK expects all maps, if empty ones."""
    empty: dict[str, Any] = {member: {} for member in _MAPS}
    return records.create(context, COMPONENT, {**empty, **request}, Parents=[])


@operation("DescribeTrialComponent", honours=paths("TrialComponentName"))
def describe_component(
    context: Context, request: types.DescribeTrialComponentRequestTypeDef
) -> Response:
    """A trial component with a summary of each metric."""
    return shown(context, records.get(context, COMPONENT, request["TrialComponentName"]))


@operation(
    "UpdateTrialComponent",
    honours=paths("""
        TrialComponentName DisplayName Status StartTime EndTime Parameters ParametersToRemove
        InputArtifacts InputArtifactsToRemove OutputArtifacts OutputArtifactsToRemove
    """),
)
def update_component(
    context: Context, request: types.UpdateTrialComponentRequestTypeDef
) -> Response:
    """Add, replace and remove parameters and artifacts; replace what else is in the request."""
    changes: dict[str, Any] = dict(request)
    with context.store.transaction():
        document = records.get(context, COMPONENT, request["TrialComponentName"])
        document |= {key: changes[key] for key in _REPLACED if key in changes}
        for member, (to_remove, most) in _MAPS.items():
            entries = document.get(member, {}) | changes.get(member, {})
            for key in changes.get(to_remove, []):
                entries.pop(key, None)
            if len(entries) > most:
                raise invalid(
                    f"TrialComponent '{document['TrialComponentArn']}' would have {len(entries)} "
                    f"{member}; at most {most} are allowed. Remove some by {to_remove}."
                )
            if entries or member in document:
                document[member] = entries
        records.put(context, COMPONENT, document)
    return {"TrialComponentArn": document["TrialComponentArn"]}


@operation("ListTrialComponents", honours=paths(CREATED_BETWEEN + " ".join(_FILTERS)))
def list_components(context: Context, request: types.ListTrialComponentsRequestTypeDef) -> Response:
    """Trial components by experiment, trial or source, and by time."""
    filters = [name for name in _FILTERS if name in request]
    if len(filters) > 1:
        raise invalid(f"ListTrialComponents takes one of {', '.join(_FILTERS)}, not several.")
    holds = ""

    def keep(component: Document) -> bool:
        if "SourceArn" in request:
            return holds in _sources(component)
        return not filters or any(parent[member] == name for parent in component["Parents"])

    if "SourceArn" in request:
        # The SDK requests it in lower case.
        holds = request["SourceArn"].lower()
    elif filters:
        kind = EXPERIMENT if filters == ["ExperimentName"] else TRIAL
        member = kind.name_key
        requested = request.get("ExperimentName") or request["TrialName"]
        name = records.get(context, kind, requested)[member]
        holds = json.dumps(name)
    components = Stored(
        context.store,
        COMPONENT.resource,
        keep=keep,
        show=lambda each: with_user(context, {**each, "TrialComponentSource": each.get("Source")}),
        holds=holds,
    )
    return page(
        "ListTrialComponents", request, components, "TrialComponentSummaries", "TrialComponent"
    )


@operation("DeleteTrialComponent", honours=paths("TrialComponentName"))
def delete_component(
    context: Context, request: types.DeleteTrialComponentRequestTypeDef
) -> Response:
    """Forget a trial component, with its metrics, that no trial has."""
    with context.store.transaction():
        document = records.get(context, COMPONENT, request["TrialComponentName"])
        if document["Parents"]:
            raise records.used(COMPONENT, document, "trials")
        metrics.forget(context, document)
        associations.forget(context, document["TrialComponentArn"])
        return records.delete(context, COMPONENT, document)


@operation("AssociateTrialComponent", honours=paths("TrialComponentName TrialName"))
def associate(context: Context, request: types.AssociateTrialComponentRequestTypeDef) -> Response:
    """Add a trial component to a trial; nothing changes where it is in it."""
    with context.store.transaction():
        component, trial = _both(context, request["TrialComponentName"], request["TrialName"])
        if add_parent(component, trial):
            records.put(context, COMPONENT, component)
    return {**component, **trial}


@operation("DisassociateTrialComponent", honours=paths("TrialComponentName TrialName"))
def disassociate(
    context: Context, request: types.DisassociateTrialComponentRequestTypeDef
) -> Response:
    """Remove a trial component from a trial."""
    with context.store.transaction():
        component, trial = _both(context, request["TrialComponentName"], request["TrialName"])
        kept = [each for each in component["Parents"] if each["TrialName"] != trial["TrialName"]]
        if len(kept) == len(component["Parents"]):
            raise records.missing(context, COMPONENT, request["TrialComponentName"])
        component["Parents"] = kept
        records.put(context, COMPONENT, component)
    return {**component, **trial}


def add_parent(component: Document, trial: Document) -> bool:
    """Add a trial to those of a component; return whether it was not there."""
    parent = {key: trial[key] for key in ("TrialName", "ExperimentName")}
    if parent in component["Parents"]:
        return False
    component["Parents"] = [*component["Parents"], parent]
    return True


def shown(context: Context, component: Document) -> Document:
    """A trial component as responses have it, with its metrics."""
    return with_user(context, {**component, "Metrics": metrics.summaries(component)})


def _both(context: Context, component: str, trial: str) -> tuple[Document, Document]:
    """The component and the trial; of two that are not there, the trial is named, as by moto."""
    found = records.get(context, TRIAL, trial)
    return records.get(context, COMPONENT, component), found


def _sources(component: Document) -> set[str]:
    sources = [component.get("Source"), *component.get("Sources", [])]
    return {source["SourceArn"].lower() for source in sources if source}
