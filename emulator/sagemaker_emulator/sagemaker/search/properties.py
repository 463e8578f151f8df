"""The properties of a resource that Search filters and sorts by.

Their names are paths through the resource's member of SearchRecord, as AWS documents: of a list,
all items count (`InputDataConfig.ChannelName`); of a map, a key follows (`HyperParameters.epochs`);
`Tags.KEY` and `Metrics.NAME` name items of lists
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Filter.html). The case of members
does not matter: AWS's own notebooks sort by `metrics.validation:accuracy.max`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sagemaker_emulator.errors import invalid

# `mixed` is a text that is compared as a number where it is one: hyperparameters are texts.
Kind = Literal["text", "number", "time", "boolean", "mixed", "object"]
_KINDS: dict[str, Kind] = {
    "string": "text",
    "timestamp": "time",
    "boolean": "boolean",
    **dict.fromkeys(("integer", "long", "float", "double"), "number"),
}
# Lists whose items are named by one of their members: that member and the value's.
_NAMED_ITEMS = {
    "TagList": ("Key", "Value"),
    "FinalMetricDataList": ("MetricName", "Value"),
    "TrialComponentMetricSummaries": ("MetricName", ""),
}
# A map's value that holds a text or a number.
_PARAMETER = "TrialComponentParameterValue"
# Of a metric of a trial component, which has statistics, where a name has none of them.
_STATISTIC = "Last"


@dataclass(frozen=True)
class Property:
    """A property of a resource.

    Attributes:
        name: as a request has it.
        kind: what its values are.
        member: the resource's member that it begins with.
        values: returns its values in a resource; none where it is not there.
    """

    name: str
    kind: Kind
    member: str
    values: Callable[[Any], list[Any]]

    def first(self, resource: Any) -> Any:
        """The value to sort by; None where there is none."""
        values = self.values(resource)
        if not values or self.kind == "object":
            return None
        return int(values[0]) if self.kind == "boolean" else values[0]


def find(shape: StructureShape, name: str) -> Property:
    """The property of a resource that a request names.

    Args:
        shape: the resource's, or an item's in a nested filter.
        name: a path.

    Raises:
        ApiError: The resource has no such property; the message names those it has at that place.
    """
    getters: list[Callable[[Any], Any]] = []
    current: Shape = shape
    first = rest = name
    while rest:
        current, known = _below(current), current
        if isinstance(current, MapShape):
            key, member = _key_of(current, rest)
            getters.append(_member(key))
            current, rest = current.value, member
            if not rest and current.name == _PARAMETER:
                return Property(name, "mixed", first, _chain([*getters, _parameter_value]))
            if not rest and _below(current).type_name == "string":
                return Property(name, "mixed", first, _chain(getters))
            continue
        if isinstance(known, ListShape) and known.name in _NAMED_ITEMS and getters:
            return _item_property(name, first, getters, known, rest)
        if not isinstance(current, StructureShape):
            raise _unknown(name, shape)
        part, _, rest = rest.partition(".")
        found = _own_member(current, part)
        if found is None:
            raise _unknown(name, shape)
        if not getters:
            first = found
        getters.append(_member(found))
        current = current.members[found]
    kind: Kind = _KINDS.get(_below(current).type_name, "object")
    return Property(name, kind, first, _chain(getters))


def names(shape: StructureShape) -> list[str]:
    """The names of all properties of a resource but those that a request's own keys name."""
    return sorted(_names(shape, "", ()))


def item_shape(shape: StructureShape, name: str) -> StructureShape:
    """The shape of the items of a list that a nested filter names.

    Raises:
        ApiError: The resource has no such list.
    """
    current: Shape = shape
    for part in name.split("."):
        current = _below(current)
        member = _own_member(current, part) if isinstance(current, StructureShape) else None
        if member is None or not isinstance(current, StructureShape):
            raise _unknown(name, shape)
        current = current.members[member]
    item = _below(current)
    if not isinstance(current, ListShape) or not isinstance(item, StructureShape):
        raise invalid(f"NestedPropertyName {name!r} is no list of objects; use Filters.")
    return item


def _names(shape: StructureShape, path: str, outer: tuple[str, ...]) -> Iterator[str]:
    for name, member in shape.members.items():
        below, full = _below(member), f"{path}.{name}" if path else name
        if member.name in _NAMED_ITEMS:
            continue
        if isinstance(below, StructureShape) and below.name not in outer:
            yield from _names(below, full, (*outer, below.name))
        elif not isinstance(below, MapShape | StructureShape):
            yield full


def _own_member(shape: StructureShape, part: str) -> str | None:
    """The member that a part of a path means; `Metrics` of a training job are its final ones."""
    aliases = {"metrics": "FinalMetricDataList"} if "FinalMetricDataList" in shape.members else {}
    matching = {name.lower(): name for name in shape.members} | aliases
    return part if part in shape.members else matching.get(part.lower())


def _item_property(
    name: str, member: str, getters: list[Callable[[Any], Any]], shape: ListShape, rest: str
) -> Property:
    """The property of the item of a list that a path names: `Tags.team`, `Metrics.loss.Min`."""
    key_member, value_member = _NAMED_ITEMS[shape.name]
    item = shape.member
    assert isinstance(item, StructureShape)
    key = rest
    if not value_member:
        before, _, last = rest.rpartition(".")
        statistic = _own_member(item, last) if before else None
        key, value_member = (before, statistic) if statistic else (rest, _STATISTIC)

    def select(value: Any) -> Any:
        return value.get(value_member) if value.get(key_member) == key else None

    kind = _KINDS[item.members[value_member].type_name]
    return Property(name, kind, member, _chain([*getters, select]))


def _key_of(shape: MapShape, rest: str) -> tuple[str, str]:
    """The key of a map that a path names, which may have dots, and what follows it."""
    value = _below(shape.value)
    before, _, last = rest.rpartition(".")
    if before and isinstance(value, StructureShape) and (member := _own_member(value, last)):
        return before, member
    return rest, ""


def _below(shape: Shape) -> Shape:
    while isinstance(shape, ListShape):
        shape = shape.member
    return shape


def _member(name: str) -> Callable[[Any], Any]:
    return lambda value: value.get(name)


def _parameter_value(value: Any) -> Any:
    return value.get("NumberValue", value.get("StringValue"))


def _chain(getters: list[Callable[[Any], Any]]) -> Callable[[Any], list[Any]]:
    def values(resource: Any) -> list[Any]:
        found = [resource]
        for getter in getters:
            found = list(_flat(getter(value) for value in found))
        return found

    return values


def _flat(values: Iterator[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(iter(value))
        elif value is not None:
            yield value


def _unknown(name: str, shape: StructureShape) -> Exception:
    return invalid(
        f"Unknown property {name!r}. {shape.name} has {', '.join(shape.members)}; "
        "GetSearchSuggestions lists what is below them."
    )
