"""This machine itself is reached directly, also where the way out is a proxy."""

import os


def past_proxies() -> dict[str, str]:
    """The variables that keep a proxy out of what is asked of this machine.

    Most programs do not look at `NO_PROXY` where `no_proxy` is set: both get what either held.
    """
    told = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = list(dict.fromkeys([*filter(None, told.split(",")), "127.0.0.1", "localhost"]))
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(names))
