"""Messages of SNS for a subscriber behind an address of this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from sagemaker_emulator.errors import ApiError

_SECONDS = 15.0  # SNS's own limit for a subscriber's response


def check(address: str) -> None:
    """Refuse an address that is not of this machine: nothing of this server leaves it.

    Raises:
        ApiError: `InvalidParameter`, as SNS.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not _is_here(host):
        raise ApiError(
            "InvalidParameter",
            f"Invalid parameter: Endpoint {address!r}: the emulator delivers to subscribers on "
            "this machine only: http://127.0.0.1:PORT, http://localhost:PORT or http://[::1]:PORT",
        )


def post(address: str, body: str, options: Mapping[str, Any]) -> str:
    """Send a message, with SNS's headers.

    Raises:
        ApiError: The subscriber's refusal: 503 where it cannot be reached, so that it is asked
            again.
    """
    check(address)
    try:
        reply = httpx.post(
            address,
            content=body.encode(),
            headers=options["Headers"],
            timeout=_SECONDS,
            trust_env=False,  # never through a proxy
        )
    except httpx.HTTPError as problem:
        reason = f"{address} cannot be reached: {type(problem).__name__}: {problem}"
        raise ApiError("SubscriberUnreachable", reason, 503) from None
    if reply.status_code >= 300:
        # SNS asks again after 429 and 5xx; any other refusal is final.
        status = 503 if reply.status_code == 429 else reply.status_code
        raise ApiError("SubscriberError", f"{address} answered {reply.status_code}", status)
    return ""


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
