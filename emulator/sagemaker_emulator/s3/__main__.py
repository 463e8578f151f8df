"""The process of the S3 server: `python -m sagemaker_emulator.s3`."""

import argparse
import logging
import os
import socket
import sqlite3
import sys
from pathlib import Path

import uvicorn

from sagemaker_emulator import listening
from sagemaker_emulator.connection import LONGEST_HEAD, raise_file_limit
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.errors import StartError
from sagemaker_emulator.s3.application import Application
from sagemaker_emulator.s3.connection import S3Protocol
from sagemaker_emulator.s3.object_store import ObjectStore


def serve(state: Path, sock: socket.socket) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT.

    Raises:
        StartError: The state cannot be used.
    """
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    S3Protocol.most = max(64, raise_file_limit() // 2)
    credentials = Credentials.of(state)
    try:
        store = ObjectStore(state)
    except sqlite3.OperationalError as problem:
        raise StartError(f"{state / 's3.sqlite'} cannot be used: {problem}") from None
    try:
        config = uvicorn.Config(
            Application(store, credentials, listening.port_of(sock)),
            http=S3Protocol,
            ws="none",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="error",
            timeout_keep_alive=60,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=LONGEST_HEAD,
        )
        uvicorn.Server(config).run(sockets=[sock])
    finally:
        store.metadata.close()


def main() -> int:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m sagemaker_emulator.s3", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="state folder of the emulator")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int, help="port on the loopback address")
    where.add_argument("--socket", type=int, help="descriptor of a socket that listens")
    arguments = parser.parse_args()
    os.umask(0o077)
    try:
        if arguments.socket is not None:
            sock = listening.inherited(arguments.socket)
        else:
            sock = listening.choose("--port", arguments.port, None, 0)
        serve(arguments.state, sock)
    except StartError as problem:
        print(problem)  # on standard output, which the emulator reads
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
