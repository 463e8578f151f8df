"""The sockets that the servers listen on: bound by whoever starts them, and handed over open.

A port is chosen by binding it, so no two emulators choose the same one, and nothing is locked.
"""

import errno
import os
import socket
import time

from sagemaker_emulator.errors import StartError

HOST = "127.0.0.1"
# A killed server's child holds its port a moment longer.
_LINGER_SECONDS = 1.0
_BACKLOG = 2048


def listen(port: int) -> socket.socket | None:
    """A socket that listens on a port of the loopback address (0: any); None if it is taken."""
    # Named, as asyncio sends without delay only on sockets that say they are TCP's.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen(_BACKLOG)
    except OSError as problem:
        sock.close()
        if problem.errno in (errno.EADDRINUSE, errno.EACCES):
            return None
        raise StartError(f"port {port} cannot be listened on: {problem}") from None
    return sock


def port_of(sock: socket.socket) -> int:
    """The port that a socket listens on."""
    return int(sock.getsockname()[1])


def choose(flag: str, requested: int | None, last_url: str | None, usual: int) -> socket.socket:
    """Listen on the requested port, else on the last one, else on the usual one, else on any.

    Args:
        flag: The option that requests one, for messages.
        requested: The only port that will do, if any.
        last_url: Where the last server of this state was.
        usual: The port of an emulator that is alone.

    Raises:
        StartError: The requested port is taken.
    """
    if requested:
        if (sock := listen(requested)) is None:
            raise StartError(
                f"port {requested} ({flag}) is taken by another process; give another {flag}, "
                "or none to have a free one chosen"
            )
        return sock
    if last_url:
        port = int(last_url.rpartition(":")[2])
        deadline = time.monotonic() + _LINGER_SECONDS
        while time.monotonic() < deadline:
            if sock := listen(port):
                return sock
            time.sleep(0.02)
    return listen(usual) or listen(0) or _none_free()


def inherited(descriptor: int) -> socket.socket:
    """A socket that the parent process handed over; the children of this one do not get it.

    Raises:
        StartError: The descriptor is not a listening socket.
    """
    try:
        sock = socket.socket(fileno=descriptor)
        listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as problem:
        raise StartError(f"descriptor {descriptor} is not a socket: {problem}") from None
    if not listening:
        raise StartError(f"descriptor {descriptor} is a socket that does not listen")
    os.set_inheritable(descriptor, False)
    return sock


def _none_free() -> socket.socket:
    raise StartError("there is no free port on this machine")
