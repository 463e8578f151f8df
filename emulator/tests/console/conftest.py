"""A browser that has opened the console of the session's server."""

import pytest
from console_client import ConsoleClient
from emulator_process import Emulator


@pytest.fixture(scope="session")
def console(emulator: Emulator) -> ConsoleClient:
    return ConsoleClient(emulator)
