"""The kinds of resources that stacks may have: how each is made, changed and deleted.

The modules `kinds_of_…` declare them; a kind calls this server's API as any client does.
"""

from __future__ import annotations

import functools
import importlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sagemaker_emulator.errors import ApiError

Properties = Mapping[str, Any]
_MODULES = (*("access", "code", "events", "messages", "models", "objects", "versions", "watching"),)
# What these say of a resource that is not there.
_MISSING = ("NotFound", "NoSuch", "NonExistent", "does not exist", "Could not find", "not found")


@dataclass(frozen=True)
class Made:
    """A resource that exists.

    Attributes:
        id: Its physical id, which Ref returns.
        attributes: What Fn::GetAtt returns.
    """

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)


class Api:
    """This server's API, for one stack.

    Attributes:
        account: The account.
        region: The region.
    """

    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region

    def client(self, service: str) -> Any:
        """A boto3 client; the environment points it here."""
        return _client(service, self.region)

    def arn(self, service: str, resource: str, region: str | None = None) -> str:
        """An ARN of this account: `arn("sqs", name)`."""
        where = self.region if region is None else region
        return f"arn:aws:{service}:{where}:{self.account}:{resource}"


@functools.cache
def _client(service: str, region: str) -> Any:
    import boto3

    make: Any = boto3.client  # its types know names of services only
    return make(service, region_name=region)


class Kind(ABC):
    """One kind of resource.

    Attributes:
        name: CloudFormation's.
        properties: Those that are honoured; a template with any other is refused by name.
        unused: Those that have no effect here; the resource's status says so.
        replacing: Those whose change makes another resource.
        naming: The property that names the resource, if it has one.
        longest: The most characters of a name that is made here.
    """

    name: ClassVar[str]
    properties: ClassVar[frozenset[str]]
    unused: ClassVar[frozenset[str]] = frozenset()
    replacing: ClassVar[frozenset[str]] = frozenset()
    naming: ClassVar[str] = ""
    longest: ClassVar[int] = 63

    @abstractmethod
    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the resource, by one call: what follows is for `configure`.

        Args:
            api: The server.
            name: The resource's name, given or made up.
            properties: Resolved, with the stack's tags.
        """

    def configure(  # noqa: B027 (most kinds have nothing more to set)
        self, api: Api, made: Made, properties: Properties, before: Properties
    ) -> None:
        """Set what `create` does not; a rollback deletes the resource if this fails.

        Args:
            api: The server.
            made: The resource.
            properties: Resolved, with the stack's tags.
            before: Those that it has now; none where it is new.
        """

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change the resource to these properties; a kind without it is always replaced."""
        raise NotImplementedError(self.name)

    @abstractmethod
    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete the resource."""

    def needs_replacement(self, properties: Properties, before: Properties) -> bool:
        """Whether these properties need another resource."""
        changed = {key for key in {*properties, *before} if properties.get(key) != before.get(key)}
        in_place = type(self).update is not Kind.update
        return not in_place or bool(changed & {*self.replacing, self.naming})

    def name_of(self, stack: str, logical: str, properties: Properties) -> str:
        """The name that the properties give, or one with the stack's and the logical name."""
        if self.naming and properties.get(self.naming):
            return str(properties[self.naming])
        made_up = f"{stack}-{logical}-{secrets.token_hex(6)}"
        return made_up if len(made_up) <= self.longest else made_up[-self.longest :].lstrip("-")

    def check(self, logical: str, properties: Properties) -> None:
        """Refuse properties that are not honoured.

        Raises:
            ApiError: Which.
        """
        allowed = self.properties | self.unused | ({self.naming} if self.naming else set())
        if unknown := sorted(properties.keys() - allowed):
            raise ApiError(
                "ValidationError",
                f"Encountered unsupported property {', '.join(unknown)} of {logical}: the "
                f"emulator's {self.name} has {', '.join(sorted(allowed))}.",
            )

    def note(self, properties: Properties) -> str:
        """What has no effect here, in words."""
        unused = sorted(self.unused & properties.keys())
        return f"without effect in the emulator: {', '.join(unused)}" if unused else ""


class Requested(Kind):
    """A kind whose properties are the members of one request, which its service takes as they are.

    Attributes:
        service: boto3's name of the service.
        requests: The operations that make and delete it.
    """

    service: ClassVar[str]
    requests: ClassVar[tuple[str, str]]

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the resource; its name is its id and its attribute."""
        make = getattr(api.client(self.service), self.requests[0])
        make(**{self.naming: name}, **picked(properties, *self.properties))
        return Made(name, {self.naming: name})

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        getattr(api.client(self.service), self.requests[1])(**{self.naming: made.id})


_KINDS: dict[str, Kind] = {}


def kind(cls: type[Kind]) -> type[Kind]:
    """Register a kind of resource."""
    _KINDS[cls.name] = cls()
    return cls


@functools.cache
def known() -> Mapping[str, Kind]:
    """Every kind by its name."""
    for module in _MODULES:
        importlib.import_module(f"sagemaker_emulator.services.stacks.kinds_of_{module}")
    return _KINDS


def picked(properties: Properties, *names: str) -> dict[str, Any]:
    """The properties of these names that there are."""
    return {name: properties[name] for name in names if name in properties}


def lowered(value: Any) -> Any:
    """A value whose members begin with a small letter, as some services' APIs have them."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: lowered(each) for key, each in value.items()}
    return [lowered(each) for each in value] if isinstance(value, list) else value


def tags_of(properties: Properties) -> dict[str, str]:
    """The tags of a resource, by key."""
    tags = properties.get("Tags", [])
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags}


def is_missing(problem: Exception) -> bool:
    """Whether an error of boto3 says that the resource is not there."""
    code = getattr(problem, "response", {}).get("Error", {}).get("Code", "")
    return any(word in f"{code} {problem}" for word in _MISSING)
