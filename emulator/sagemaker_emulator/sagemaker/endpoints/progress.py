"""How far the update of an endpoint is, as DescribeEndpoint shows it, and what ends it early."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from sagemaker_emulator.sagemaker.endpoints.variants import PRODUCTION, SHADOW, count_of, weight_of
from sagemaker_emulator.storage.store import Document


@dataclass(frozen=True)
class Stage:
    """What an update does now.

    Attributes:
        status: a VariantStatus of SageMaker's: Creating, ActivatingTraffic or Baking.
        message: its StatusMessage.
        share: the new fleet's share of the requests, of 1.
    """

    status: str
    message: str
    share: float = 0.0

    def document(self) -> Document:
        """The stage as it is kept with the endpoint."""
        return {
            "Status": self.status,
            "StatusMessage": self.message,
            "StartTime": time.time(),
            "Share": self.share,
        }


def pending(endpoint: Document) -> dict[str, Any]:
    """The PendingDeploymentSummary of an endpoint's document that is Creating or Updating."""
    update = endpoint.get("Update") or endpoint
    config = update["Config"]
    begin = float(update.get("StartTime") or endpoint["LastModifiedTime"])
    stage = update.get("Stage")
    variants = {
        kind: [_variant(variant, stage, begin) for variant in config[kind]]
        for kind in (PRODUCTION, SHADOW)
        if config.get(kind)
    }
    return {
        "EndpointConfigName": config["EndpointConfigName"],
        "StartTime": begin,
        **variants,
    }


def _variant(variant: Document, stage: Document | None, begin: float) -> dict[str, Any]:
    desired = count_of(variant)
    weight = weight_of(variant)
    launching = {"StatusMessage": f"Launching {desired} instance(s).", "StartTime": begin}
    status = stage or {"Status": "Creating", **launching}
    return {
        "VariantName": variant["VariantName"],
        "CurrentWeight": weight,
        "DesiredWeight": weight,
        # The instances that take traffic: a part of one counts as one.
        "CurrentInstanceCount": math.ceil(desired * status.get("Share", 0.0)),
        "DesiredInstanceCount": desired,
        "VariantStatus": [{key: status[key] for key in status if key != "Share"}],
    } | ({"InstanceType": variant["InstanceType"]} if "InstanceType" in variant else {})
