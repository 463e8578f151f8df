from collections.abc import Callable
from typing import Any

import pytest
from transform_batch import Batch


@pytest.fixture(scope="session")
def sagemaker(emulator: Any) -> Any:
    return emulator.client("sagemaker")


@pytest.fixture(scope="session")
def s3(emulator: Any) -> Any:
    return emulator.client("s3")


@pytest.fixture
def batch(emulator: Any, until: Callable[..., Any], name: str) -> Batch:
    return Batch(emulator, until, name)
