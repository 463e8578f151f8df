"""A kind of AWS resource: how `setup` and `teardown` handle what the template describes."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.provisioning.item import Item
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

Document = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """One resource of the template, for one target.

    Attributes:
        logical: Its name in the template.
        type: CloudFormation's name of its type.
        name: Its name on AWS; what it belongs to where it has none.
        properties: Its properties, with every function and reference evaluated.
        retained: Whether it outlives the stack, and a teardown without `--all`.
    """

    logical: str
    type: str
    name: str
    properties: Document
    retained: bool


class Kind(ABC):
    """A type of the template. Names, ARNs and requests are CloudFormation's and its service's.

    Attributes:
        word: What people call it, such as `role`.
        service: The service in ARNs, and the prefix of its permissions.
        named: The property that holds the name.
        arn: The end of its ARN; `{}` is the name.
        ref: What `!Ref` gives: the name, or the ARN.
        on_this_machine: Whether the local target has it, too.
    """

    word: str
    service: str
    named: str
    arn: str = "{}"
    ref: str = "name"
    on_this_machine = True

    def arn_of(self, settings: Settings, name: str) -> str:
        """The ARN of the resource with this name."""
        return settings.arn(self.service, self.arn.format(name))

    @abstractmethod
    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Create the resource, or bring it up to date."""

    @abstractmethod
    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether the resource is there."""

    @abstractmethod
    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the resource, which is there."""


class Attached(Kind):
    """A kind that AWS deletes with what it belongs to."""

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Nothing: it goes with what it belongs to."""


class Described(Kind):
    """A kind that one request describes and one request, or a few, bring to what is wanted.

    A new type of the template needs three functions: `current`, `put` and `delete`.
    """

    def request(self, resource: Resource) -> Document:
        """The properties as the service's API has them; by default CloudFormation's."""
        return resource.properties

    @abstractmethod
    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """What is there, in the form of `request`; None: nothing."""

    @abstractmethod
    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Create or change the resource."""

    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Create the resource, or change it where it differs from the template."""
        request, current = self.request(resource), self.current(session, resource)
        if current is None:
            self.put(session, request, exists=False)
            return Item(self.word, resource.name, "created")
        # Tags are given at creation; later ones are their owner's.
        if contains(current, {key: value for key, value in request.items() if key != "Tags"}):
            return Item(self.word, resource.name, "exists")
        self.put(session, request, exists=True)
        return Item(self.word, resource.name, "updated")

    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether the resource is there."""
        return self.current(session, resource) is not None


def contains(current: Any, wanted: Any) -> bool:
    """Whether all that is wanted is so; a service returns more, and lists in its own order."""
    if isinstance(wanted, dict):
        return isinstance(current, dict) and all(
            contains(current.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not isinstance(current, list) or len(current) != len(wanted):
            return False
        return all(any(contains(one, each) for one in current) for each in wanted)
    return bool(current == wanted)


def tag_map(tags: list[Document]) -> dict[str, str]:
    """CloudFormation's list of tags as the mapping that some services take."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def as_text(document: Document) -> str:
    """A policy or pattern as the text that a request takes."""
    return json.dumps(document)
