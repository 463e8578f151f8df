"""The process of the S3 server: `python -m sagemaker_emulator.s3 --state DIR --port N`."""

import argparse
import contextlib
import logging
import resource
import sqlite3
import sys
from pathlib import Path

import uvicorn

from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.errors import StartError
from sagemaker_emulator.s3.application import Application
from sagemaker_emulator.s3.connection import LONGEST_HEAD, BoundedProtocol
from sagemaker_emulator.s3.object_store import ObjectStore


def serve(state: Path, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        StartError: The state cannot be used.
    """
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    credentials = Credentials.of(state)
    try:
        store = ObjectStore(state)
    except sqlite3.OperationalError as problem:
        raise StartError(f"{state / 's3.sqlite'} cannot be used: {problem}") from None
    except sqlite3.DatabaseError as problem:
        raise StartError(
            f"{state / 's3.sqlite'} cannot be read: {problem}. Put a copy of it back, or delete "
            "it: the objects stay; their metadata, tags and uploads in parts are lost."
        ) from None
    try:
        config = uvicorn.Config(
            Application(store, credentials, port),
            host="127.0.0.1",
            port=port,
            http=BoundedProtocol,
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
        uvicorn.Server(config).run()
    finally:
        store.metadata.close()


def main() -> int:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m sagemaker_emulator.s3", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="state folder of the emulator")
    parser.add_argument("--port", type=int, required=True, help="port on the loopback address")
    arguments = parser.parse_args()
    try:
        serve(arguments.state, arguments.port)
    except StartError as problem:
        print(problem)  # on standard output, which the emulator reads
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
