"""What an endpoint serves: the variants of its configuration, their models and versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.console.pages import call
from sagemaker_emulator.errors import ApiError

# The latest configurations, among which those of an endpoint are.
_MOST = 50
_KINDS = ("ProductionVariants", "ShadowProductionVariants")


@dataclass(frozen=True)
class Variant:
    """A variant of an endpoint.

    Attributes:
        name: Its name.
        model: The model's name; empty where its configuration was deleted.
        package: The ARN of the model package that it serves; empty where it names none.
        share: Its share of the requests, from 0 to 1, a shadow variant's as copies; None where it
            does not serve yet.
        now: What DescribeEndpoint shows of it; empty where it does not serve yet.
        instance: The instance type.
        is_shadow: Whether it gets copies only.
    """

    name: str
    model: str
    package: str
    share: float | None
    now: Mapping[str, Any]
    instance: str
    is_shadow: bool = False


@dataclass(frozen=True)
class Configuration:
    """An endpoint configuration.

    Attributes:
        name: Its name.
        created: In seconds since the epoch.
        variants: Its variants.
        serves: Whether the endpoint serves it now.
    """

    name: str
    created: float
    variants: list[Variant]
    serves: bool


def config_of(request: Request, endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of an endpoint; empty where it was deleted: the endpoint goes on."""
    try:
        return _config(request, endpoint["EndpointConfigName"])
    except ApiError:
        return {}


def variants_of(request: Request, endpoint: Mapping[str, Any]) -> list[Variant]:
    """The variants that an endpoint serves, or will."""
    current = {each["VariantName"]: each for kind in _KINDS for each in endpoint.get(kind, [])}
    config = config_of(request, endpoint) or {
        kind: [{"VariantName": each["VariantName"]} for each in endpoint.get(kind, [])]
        for kind in _KINDS
    }
    return _variants(request, config, current)


def history(
    request: Request, endpoint: Mapping[str, Any], variants: Sequence[Variant]
) -> list[Configuration]:
    """The configurations of the models that an endpoint serves, or of their groups' versions.

    SageMaker keeps no list of the configurations that an endpoint has had.
    """
    models = {variant.model for variant in variants}
    groups = {group for variant in variants if (group := _group(variant.package))}
    listed = call(
        request,
        "ListEndpointConfigs",
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=_MOST,
    )
    found = []
    for summary in listed["EndpointConfigs"]:
        name = summary["EndpointConfigName"]
        try:
            served = _variants(request, _config(request, name), {})
        except ApiError:  # deleted meanwhile
            continue
        if any(each.model in models or _group(each.package) in groups for each in served):
            serves = name == endpoint["EndpointConfigName"]
            found.append(Configuration(name, summary["CreationTime"], served, serves))
    return found


def _config(request: Request, name: str) -> dict[str, Any]:
    config: dict[str, Any] = call(request, "DescribeEndpointConfig", EndpointConfigName=name)
    return config


def _variants(
    request: Request, config: Mapping[str, Any], current: Mapping[str, Mapping[str, Any]]
) -> list[Variant]:
    production, shadows = (config.get(kind) or [] for kind in _KINDS)
    names = [entry["VariantName"] for entry in production]
    total = sum(each["CurrentWeight"] for name, each in current.items() if name in names)
    variants = []
    for entry in [*production, *shadows]:
        name, model = entry["VariantName"], entry.get("ModelName", "")
        now = current.get(name, {})
        # A shadow variant of more weight than the production variant still gets no more copies.
        share = min(now["CurrentWeight"] / total, 1.0) if now and total else None
        package = _package(request, model) if model else ""
        instance = entry.get("InstanceType", "")
        variants.append(
            Variant(name, model, package, share, now, instance, is_shadow=name not in names)
        )
    return variants


def _package(request: Request, model: str) -> str:
    """The model package that a model serves; empty where it names none."""
    try:
        described = call(request, "DescribeModel", ModelName=model)
    except ApiError:  # deleted: the endpoint goes on
        return ""
    containers = described.get("Containers") or [described["PrimaryContainer"]]
    return str(containers[0].get("ModelPackageName", ""))


def _group(package: str) -> str:
    """The group of a version; empty where it has none."""
    group, slash, _ = package.rpartition("model-package/")[2].partition("/")
    return group if slash else ""
