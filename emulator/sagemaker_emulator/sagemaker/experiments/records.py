"""The records of experiments, trials and trial components in the store.

Their names are not case-sensitive (API reference of CreateExperiment), so the store and the ARNs
have them in lower case, as the SDK expects of ARNs (`_RunEnvironment.get_trial_component`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError, invalid, not_found
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.storage.store import Document


@dataclass(frozen=True)
class RecordKind:
    """A kind of record.

    Attributes:
        title: `Trial`: the beginning of its members' names.
        resource: `experiment-trial`: in its ARNs, and the kind of its documents in the store.
    """

    title: str
    resource: str

    @property
    def name_key(self) -> str:
        """`TrialName`."""
        return f"{self.title}Name"

    @property
    def arn_key(self) -> str:
        """`TrialArn`."""
        return f"{self.title}Arn"


EXPERIMENT = RecordKind("Experiment", "experiment")
TRIAL = RecordKind("Trial", "experiment-trial")
COMPONENT = RecordKind("TrialComponent", "experiment-trial-component")


def arn_of(context: Context, kind: RecordKind, name: str) -> str:
    """The ARN of a record."""
    return context.arn(kind.resource, name.lower())


def create(
    context: Context, kind: RecordKind, request: Mapping[str, Any], **members: Any
) -> dict[str, str]:
    """Create a record; its DisplayName is its name where the request has none.

    Returns:
        The Create operation's response.

    Raises:
        ApiError: There is one of that name; the SDK matches "already exists".
    """
    name, now = request[kind.name_key], time.time()
    arn = arn_of(context, kind, name)
    document: Document = {
        "DisplayName": name,
        **{key: value for key, value in request.items() if key != "Tags"},
        kind.arn_key: arn,
        "CreationTime": now,
        "LastModifiedTime": now,
        **members,
    }
    with context.store.transaction():
        if not context.store.create(kind.resource, name.lower(), document):
            raise invalid(
                f"{kind.title} names must be unique within an AWS account and region. "
                f"{kind.title} with name ({name}) already exists."
            )
        tags.add(context, arn, request.get("Tags"))
    return {kind.arn_key: arn}


def get(context: Context, kind: RecordKind, identifier: str) -> Document:
    """A record by name or ARN.

    Raises:
        ApiError: There is none.
    """
    name = identifier.rpartition("/")[2].lower()
    document = context.store.get(kind.resource, name)
    if document is None:
        raise missing(context, kind, name)
    return document


def used(kind: RecordKind, document: Document, by: str) -> ApiError:
    """The refusal to delete a record that others need.

    Args:
        kind: its kind.
        document: the record.
        by: what needs it, in the plural.
    """
    return invalid(
        f"{kind.title} '{document[kind.arn_key]}' is linked to 1 or more {by} and cannot be "
        "deleted."
    )


def missing(context: Context, kind: RecordKind, name: str) -> ApiError:
    """The refusal of a name that no record has."""
    return not_found(f"{kind.title} '{arn_of(context, kind, name)}' does not exist.")


def update(
    context: Context, kind: RecordKind, request: Mapping[str, Any], members: Iterable[str]
) -> dict[str, str]:
    """Replace the members that a request has, of those that may change.

    Returns:
        The Update operation's response.
    """
    with context.store.transaction():
        document = get(context, kind, request[kind.name_key])
        document |= {key: request[key] for key in members if key in request}
        put(context, kind, document)
    return {kind.arn_key: document[kind.arn_key]}


def put(context: Context, kind: RecordKind, document: Document) -> None:
    """Write a changed record."""
    document["LastModifiedTime"] = time.time()
    context.store.put(kind.resource, document[kind.name_key].lower(), document)


def delete(context: Context, kind: RecordKind, document: Document) -> dict[str, str]:
    """Forget a record with its tags.

    Returns:
        The Delete operation's response.
    """
    context.store.delete(kind.resource, document[kind.name_key].lower())
    context.store.delete("tags", document[kind.arn_key])
    return {kind.arn_key: document[kind.arn_key]}
