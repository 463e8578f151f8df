import uuid
from typing import Any

import pytest
from emulator_process import Emulator
from function_archive import function_request

ROLE = "arn:aws:iam::123456789012:role/lambda"


@pytest.fixture
def functions(emulator: Emulator) -> Any:
    return emulator.client("lambda")


@pytest.fixture
def function(functions: Any) -> Any:
    name = f"function-{uuid.uuid4().hex[:8]}"
    functions.create_function(
        **function_request(name, Timeout=10, Environment={"Variables": {"WHO": "me"}})
    )
    return name
