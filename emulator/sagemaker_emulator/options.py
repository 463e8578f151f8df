"""How to start a server: what is asked, and what can be checked before."""

import socket
from dataclasses import dataclass
from pathlib import Path

from sagemaker_emulator import listening
from sagemaker_emulator.errors import StartError
from sagemaker_emulator.state_folder import last_server

RUNTIMES = ("auto", "bwrap", "unshare", "relocate", "docker")
_PORT, _S3_PORT = 5580, 5581


@dataclass(frozen=True)
class Options:
    """How to start a server.

    Attributes:
        state: The folder that holds everything.
        images: The folder with a folder for each image.
        port: The port of the API; None for the last one of this state, or a free one.
        s3_port: The same for S3.
        runtime: What containers run in.
        sockets: The descriptors of two sockets that listen on these ports already: the API's and
            S3's.
        requires_images: Whether there must be images there, and a running server must have them, as
            somebody named them.
    """

    state: Path
    images: Path
    port: int | None = None
    s3_port: int | None = None
    runtime: str = "auto"
    sockets: tuple[int, int] | None = None
    requires_images: bool = False


def choose_sockets(options: Options) -> tuple[socket.socket, socket.socket]:
    """Listen on the ports of the API and of S3: the requested ones, else those of the last server.

    Raises:
        StartError: A requested port is taken.
    """
    if options.port and options.port == options.s3_port:
        raise StartError(f"--port and --s3-port are both {options.port}; give two ports")
    last = last_server(options.state)
    api = listening.choose("--port", options.port, last.get("url"), _PORT)
    try:
        s3 = listening.choose("--s3-port", options.s3_port, last.get("s3_url"), _S3_PORT)
    except StartError:
        api.close()
        raise
    return api, s3


def require_images(options: Options) -> None:
    """Check that a folder that somebody named holds images; without one there are AWS's alone.

    Raises:
        StartError: There is no such folder, or no image in it.
    """
    if not options.requires_images:
        return
    folder = options.images
    needed = "give the folder that holds, for each image, a folder with a requirements.txt"
    if not folder.is_dir():
        raise StartError(f"--images: there is no folder {folder}; {needed}")
    if not any(list(folder.glob(f"{path}/requirements.txt")) for path in ("*", "*/*")):
        raise StartError(f"--images: {folder} holds no image; {needed}")
