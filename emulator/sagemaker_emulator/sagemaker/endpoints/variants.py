"""The variants of a configuration, and how DescribeEndpoint shows them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.sagemaker.endpoints.fleet import LEAST_OUTSTANDING, RANDOM
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedModel
from sagemaker_emulator.storage.store import Document

MOST_INSTANCES = 20
_COUNTS = ("CurrentInstanceCount", "DesiredInstanceCount")
# Of a serverless variant.
SIZES = ("CurrentServerlessConfig", "DesiredServerlessConfig")
PRODUCTION, SHADOW = "ProductionVariants", "ShadowProductionVariants"


def all_of(config: Mapping[str, Any]) -> list[Document]:
    """The production variants of a configuration, then its shadow variant, if it has one."""
    return [*config[PRODUCTION], *(config.get(SHADOW) or [])]


def shown(endpoint: Mapping[str, Any]) -> list[Document]:
    """What an endpoint's document has of the variants that serve, the shadow variant last."""
    return [*(endpoint.get(PRODUCTION) or []), *(endpoint.get(SHADOW) or [])]


def weight_of(variant: Document) -> float:
    """A variant's weight; 1 unless the configuration has another."""
    return float(variant.get("InitialVariantWeight", 1.0))


def count_of(variant: Document) -> int:
    """How many instances a variant begins with; a serverless one has none."""
    return 0 if "ServerlessConfig" in variant else int(variant.get("InitialInstanceCount", 1))


def summaries(config: Document, models: Mapping[str, ServedModel]) -> Document:
    """What DescribeEndpoint has of a configuration's variants once all serve.

    Args:
        config: the configuration's description.
        models: what each variant serves, by the variant's name.
    """
    return {
        kind: [_summary(variant, models[variant["VariantName"]]) for variant in config[kind]]
        if config.get(kind)
        else None
        for kind in (PRODUCTION, SHADOW)
    }


def scaled(document: Document, count: Callable[[str], int]) -> Document:
    """What changes in an endpoint's document when its variants have been scaled.

    Args:
        document: the endpoint's.
        count: how many instances the variant of a name has now.
    """
    changes: Document = {}
    for kind in (PRODUCTION, SHADOW):
        if document.get(kind):
            changes[kind] = [
                variant | dict.fromkeys(_COUNTS, count(variant["VariantName"]))
                for variant in document[kind]
            ]
    config = dict(document["Config"])
    for kind in (PRODUCTION, SHADOW):
        if config.get(kind):
            config[kind] = [
                variant | {"InitialInstanceCount": count(variant["VariantName"])}
                for variant in config[kind]
            ]
    return {**changes, "Config": config}


def check(config: Mapping[str, Any]) -> None:
    """Check the variants of a new configuration.

    Raises:
        ApiError: they cannot be served together, or one of them cannot be served here.
    """
    variants = all_of(config)
    names = [variant["VariantName"] for variant in variants]
    if len(names) != len(set(names)):
        raise invalid(f"ProductionVariants: the names must differ, and are {names}.")
    if config.get(SHADOW) and (len(config[PRODUCTION]), len(config[SHADOW])) != (1, 1):
        raise invalid(
            f"{SHADOW}: there may be one shadow variant, beside one production variant; there are "
            f"{len(config[SHADOW])} beside {len(config[PRODUCTION])}."
        )
    for variant in variants:
        place = f"ProductionVariants ({variant['VariantName']})"
        if "ModelName" not in variant:
            raise invalid(f"{place}: ModelName is missing.")
        strategy = variant.get("RoutingConfig", {}).get("RoutingStrategy", RANDOM)
        if strategy not in (RANDOM, LEAST_OUTSTANDING):
            raise invalid(
                f"{place}: the emulator does not route by {strategy}; set RoutingStrategy to "
                f"{RANDOM} or {LEAST_OUTSTANDING}."
            )
    check_counts(config)


def check_counts(config: Mapping[str, Any]) -> None:
    """Check that this machine may run a configuration's instances: each is a process.

    Raises:
        ApiError: they are too many.
    """
    count = sum(count_of(variant) for variant in all_of(config))
    if count > MOST_INSTANCES:
        raise ApiError(
            "ResourceLimitExceeded",
            f"The emulator's limit for an endpoint is {MOST_INSTANCES} instances, as each of them "
            f"is a process on this machine; its variants have {count}. Ask for fewer.",
        )


def _summary(variant: Document, model: ServedModel) -> Document:
    weight, count = weight_of(variant), count_of(variant)
    now = time.time()
    images = [
        {"SpecifiedImage": each.image, "ResolvedImage": each.image, "ResolutionTime": now}
        for each in model.containers
    ]
    return {
        "VariantName": variant["VariantName"],
        "DeployedImages": images,
        "CurrentWeight": weight,
        "DesiredWeight": weight,
        "CurrentInstanceCount": count,
        "DesiredInstanceCount": count,
        **{key: variant[key] for key in ("RoutingConfig",) if key in variant},
        **dict.fromkeys(SIZES, variant.get("ServerlessConfig")),
    }
