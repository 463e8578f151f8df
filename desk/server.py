"""The desk's process: it listens, prints the link, and serves until Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from desk import addresses, application
from desk.access import LOOPBACK, Access, read_secret
from desk.service import Service

if TYPE_CHECKING:
    import boto3

    from pipelines.settings.model import Settings

SECRET = "secret"
GOODBYE_SECONDS = 3  # for requests under way, after Ctrl-C


def serve(
    open_target: Callable[[], tuple[boto3.Session, Settings]],
    host: str,
    port: int,
    folder: Path,
    show: Callable[[str], None],
) -> None:
    """Serve the desk until Ctrl-C.

    Args:
        open_target: Connects to the target.
        host: The address to listen on; 0.0.0.0 for every network of this machine.
        port: The port; 0 for any free one.
        folder: Where the desk keeps what must survive a restart.
        show: Prints a message for the person at the terminal.

    Raises:
        OSError: The address cannot be used.
    """
    # Ctrl-C is the way to end it; uvicorn raises it again when it has finished.
    with contextlib.suppress(KeyboardInterrupt), _listen(host, port) as listener:
        port = listener.getsockname()[1]
        names = () if host in LOOPBACK else addresses.names()
        checks = Access(read_secret(folder / SECRET), host, port, names)
        app = application.create(Service(open_target), checks, folder)

        def show_links(first: str) -> None:
            for base in addresses.bases(host, port):
                show(f"{first} {base}/?key={checks.keys.issue()}")

        app.state.on_sign_in = lambda: show_links("A link for another device:")
        show_links("The desk is open at")
        show("Each link signs in one browser. Ctrl-C closes the desk.")
        if host not in LOOPBACK:
            show("Nothing is encrypted: use it only in a network that you trust.")
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=GOODBYE_SECONDS,
        )
        uvicorn.Server(config).run(sockets=[listener])
    show("The desk is closed.")


def _listen(host: str, port: int) -> socket.socket:
    kind, _, _, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(kind, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
