"""A shadow variant: a version that gets copies of the requests, and whose answers nobody gets.

SageMaker allows one shadow variant, beside one production variant (developer guide, "Create a
shadow test"). It gets as many of the requests as its weight is of the production variant's: so we
read the weights, as the guide names no formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

VARIANTS: Final = "ShadowProductionVariants"  # of an endpoint configuration
# Tag of a configuration that changes nothing of what answers: the package in its shadow variant,
# or `ENDED`. Promotion writes it on none.
SHADOW: Final = "tally:shadow"
ENDED: Final = "ended"


@dataclass(frozen=True)
class Shadow:
    """The shadow variant of an endpoint configuration.

    Attributes:
        variant: Its name.
        model: The name of its SageMaker model.
        package: The ARN of the version; "" where somebody made it by hand.
        percent: The share of the requests of which it gets a copy.
        instances: How many it begins with.
        since: When the configuration was created.
    """

    variant: str
    model: str
    package: str
    percent: float
    instances: int
    since: datetime

    @property
    def named(self) -> str:
        """`version 7`, or the model of one that somebody made by hand."""
        number = self.package.rpartition("/")[2]
        return f"version {number}" if number else f"model {self.model}"


def of(settings: Mapping[str, Any], tags: Mapping[str, str]) -> Shadow | None:
    """The shadow variant of an endpoint configuration; None where it has none.

    Args:
        settings: The configuration, as DescribeEndpointConfig answers it.
        tags: Its tags.
    """
    for one in settings.get(VARIANTS) or []:
        whole = float(settings["ProductionVariants"][0].get("InitialVariantWeight", 1.0))
        weight = float(one.get("InitialVariantWeight", 1.0))
        package = tags.get(SHADOW, "")
        return Shadow(
            one["VariantName"],
            one.get("ModelName", ""),
            "" if package == ENDED else package,
            100 * min(1.0, weight / whole) if whole else 100.0,
            one.get("InitialInstanceCount", 1),
            settings["CreationTime"],
        )
    return None
