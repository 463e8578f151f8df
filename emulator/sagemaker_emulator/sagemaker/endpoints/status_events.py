"""The events of endpoints and their configurations, in the form of AWS's.

https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html: statuses
in upper case, times in milliseconds since the epoch, tags as an object.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.event_detail import detail_of
from sagemaker_emulator.storage.store import Document

# Not SageMaker's members: the configuration that serves, and the one of an update.
_OWN = ("Config", "Update")
_log = logging.getLogger("emulator.endpoints")


def emit_status(context: Context, document: Document) -> None:
    """Report that the status of an endpoint is now the one in its document.

    Args:
        context: The server.
        document: The endpoint's.
    """
    _emit(context, "SageMaker Endpoint State Change", document, document["EndpointArn"])


def emit_deployment(context: Context, document: Document, pending: Mapping[str, Any]) -> None:
    """Report how far an endpoint's update is.

    Args:
        context: The server.
        document: The endpoint's.
        pending: Its PendingDeploymentSummary.
    """
    shown = document | {"PendingDeploymentSummary": pending}
    kind = "SageMaker Endpoint Deployment State Change"
    _emit(context, kind, shown, document["EndpointArn"])


def emit_config(context: Context, document: Document) -> None:
    """Report that an endpoint's configuration was created or deleted."""
    kind = "SageMaker Endpoint Config State Change"
    _emit(context, kind, document, document["EndpointConfigArn"])


def _emit(context: Context, detail_type: str, document: Document, arn: str) -> None:
    try:
        detail = detail_of(context, document, _OWN, arn)
        if status := detail.get("EndpointStatus"):
            detail["EndpointStatus"] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()
        context.events.emit(detail_type, detail, [arn])
    except Exception:  # a rule's target must not undo a deployment
        _log.exception("the event of %s could not be sent", arn)
