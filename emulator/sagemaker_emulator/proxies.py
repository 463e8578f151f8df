"""Requests to this machine bypass a proxy."""

import os


def past_proxies() -> dict[str, str]:
    """The variables with which requests to this machine bypass a proxy.

    Most programs ignore `NO_PROXY` if `no_proxy` is set, so both get the value of either.
    """
    present = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = list(dict.fromkeys([*filter(None, present.split(",")), "127.0.0.1", "localhost"]))
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(names))
