"""CloudFormation of the tests' server."""

from typing import Any

import pytest
from emulator_process import Emulator


@pytest.fixture
def stacks(emulator: Emulator) -> Any:
    return emulator.client("cloudformation")
