"""pytest plugin: moto's own tests against the emulator; each test gets an empty one.

moto's tests have a mode in which clients talk to a server (`TEST_SERVER_MODE`). This plugin makes
that server the emulator, whose keys and address are in the environment of every client. Requests
are signed and checked as in any other program, also where a test freezes its own time: of botocore,
only its clock for signatures is replaced, by the real one.
"""

import datetime
import os
import threading
from pathlib import Path

# Read by moto when it is imported.
os.environ["TEST_SERVER_MODE"] = "true"
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"

import boto3
import botocore.auth
import pytest
from moto.core import models

from suites.servers import Servers

# The emulator's time is never frozen. The method, as freezegun replaces the class in every module.
_now = datetime.datetime.now

# Its threads loop on after its end, and take the emulators of the tests that follow.
_ENDLESS = "test_get_role_name_utility_race_condition"


class _Emulated:
    """What stands in for moto's client-side mock."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Give the process an empty emulator."""
        with self._lock:
            os.environ.update(self._servers.fresh())
            boto3.DEFAULT_SESSION = None

    def enable(self, mock: models.ServerModeMockAWS, reset: bool = True) -> None:
        """The beginning of a mock: an empty emulator for the outermost one."""
        if mock.__class__._nested_count == 1 and reset:
            self.reset()


def _real_time(remove_tzinfo: bool = True) -> datetime.datetime:
    """The time for a signature, as `botocore.compat.get_current_datetime` returns it."""
    now = _now(datetime.UTC)
    return now.replace(tzinfo=None) if remove_tzinfo else now


def pytest_configure(config: pytest.Config) -> None:
    """Start the emulators, and make them moto's server."""
    vars(botocore.auth)["get_current_datetime"] = _real_time
    folder = Path(os.environ["SUITE_FOLDER"])
    images, objects = (Path(os.environ[f"SUITE_{name}"]) for name in ("IMAGES", "OBJECTS"))
    servers = Servers(folder, images, objects)
    config.add_cleanup(servers.close)
    emulated = _Emulated(servers)
    mock = models.ServerModeMockAWS
    for name, replacement in (
        ("reset", lambda self: emulated.reset()),
        ("_enable_patching", lambda self, reset=True: emulated.enable(self, reset)),
        ("_disable_patching", lambda self, remove_data: None),
    ):
        setattr(mock, name, replacement)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin each test outside of all mocks: one that counts wrong in threads hurts no other."""
    models.MockAWS._nested_count = models.ServerModeMockAWS._nested_count = 0
    if item.name == _ENDLESS:
        pytest.fail("not run, as its threads never end")
