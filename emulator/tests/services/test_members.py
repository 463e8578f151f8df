"""Every member of every operation's request is honoured, or refused by name."""

from pathlib import Path

import pytest
from member_reads import misspelt, undeclared, unread

import sagemaker_emulator.serve  # noqa: F401 - it registers the operations
from sagemaker_emulator import services

PACKAGES = {
    "lambda": "functions",
    "events": "events",
    "logs": "logs",
    "application-autoscaling": "scaling",
    "sqs": "queues",
    "scheduler": "schedules",
    "cloudwatch": "alarms",
}


@pytest.mark.parametrize("service", PACKAGES)
def test_every_operation_declares_what_it_honours(service: str) -> None:
    assert undeclared(service) == []
    assert misspelt(service) == []


@pytest.mark.parametrize("service", PACKAGES)
def test_what_is_declared_is_read(service: str) -> None:
    assert services.__file__ is not None
    assert unread(service, Path(services.__file__).parent / PACKAGES[service]) == []
