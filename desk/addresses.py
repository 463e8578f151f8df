"""The addresses at which browsers reach the desk."""

import contextlib
import socket

from desk.access import LOOPBACK

EVERY = ("0.0.0.0", "::", "")  # listen on every network of this machine
ELSEWHERE = "192.0.2.1"  # reserved for documents; nothing is sent to it


def machine_address() -> str:
    """Return this machine's address in its network; 127.0.0.1 without a network."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.closing(datagrams) as probe, contextlib.suppress(OSError):
        probe.connect((ELSEWHERE, 9))  # of a datagram socket: it chooses the address alone
        return str(probe.getsockname()[0])
    return LOOPBACK[1]


def names() -> tuple[str, ...]:
    """Return this machine's names in its network, lower case."""
    name = socket.gethostname().lower()
    return name, f"{name.partition('.')[0]}.local"


def bases(host: str, port: int) -> list[str]:
    """Return the addresses to print, the one for other devices last."""
    if host in EVERY:
        others = [machine_address()]
        return [base for one in dict.fromkeys([LOOPBACK[1], *others]) for base in bases(one, port)]
    return [f"http://{f'[{host}]' if ':' in host else host}:{port}"]
