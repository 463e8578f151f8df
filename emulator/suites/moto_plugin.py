"""pytest plugin: moto's own tests against the emulator; each test gets an empty one.

moto's tests have a mode in which clients talk to a server (`TEST_SERVER_MODE`). This plugin makes
that server the emulator, whose keys and address are in the environment of every client. Nothing of
botocore is patched, so requests are signed and checked as in any other program.
"""

import os
from pathlib import Path

# Read by moto when it is imported.
os.environ["TEST_SERVER_MODE"] = "true"
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

import boto3
import pytest
from moto.core import models

from suites.servers import Servers


class _Emulated:
    """What stands in for moto's client-side mock."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers

    def reset(self, *_: object) -> None:
        """Give the process an empty emulator."""
        os.environ.update(self.servers.fresh())
        boto3.DEFAULT_SESSION = None

    def enable(self, mock: models.ServerModeMockAWS, reset: bool = True) -> None:
        """The beginning of a mock: an empty emulator for the outermost one."""
        if mock.__class__._nested_count == 1 and reset:
            self.reset()


def pytest_configure(config: pytest.Config) -> None:
    """Start the emulators, and make them moto's server."""
    folder = Path(os.environ["SUITE_FOLDER"])
    emulated = _Emulated(Servers(folder, Path(os.environ["SUITE_IMAGES"])))
    config.add_cleanup(emulated.servers.close)
    mock = models.ServerModeMockAWS
    for name, replacement in (
        ("reset", lambda self: emulated.reset()),
        ("_enable_patching", lambda self, reset=True: emulated.enable(self, reset)),
        ("_disable_patching", lambda self, remove_data: None),
    ):
        setattr(mock, name, replacement)
