"""Expected errors have a message that says what to do next."""

import socket

import boto3
import obstore
import pytest
from botocore.config import Config
from obstore.exceptions import PermissionDeniedError
from obstore.store import S3Store

from pipelines.display.error_messages import explain


@pytest.fixture
def nobody() -> str:
    """An address where nothing listens, as that of an emulator that was killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_service_that_does_not_respond_names_the_command_that_starts_it(nobody: str) -> None:
    client = boto3.client(
        "sagemaker",
        endpoint_url=nobody,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"max_attempts": 0}),
    )
    with pytest.raises(Exception) as caught:
        client.list_pipelines()
    assert "emulator up" in str(explain(caught.value))


def test_a_storage_that_does_not_respond_names_the_command_that_starts_it(nobody: str) -> None:
    store = S3Store(
        "bucket",
        endpoint=nobody,
        access_key_id="k",
        secret_access_key="s",
        region="us-east-1",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    with pytest.raises(Exception) as caught:
        obstore.put(store, "key", b"")
    said = explain(caught.value)
    assert said is not None and "emulator up" in said and "disk is full" in said
    assert "Debug source" not in said


def test_a_refusal_of_the_storage_names_the_list_of_permissions() -> None:
    assert "infrastructure/" in str(explain(PermissionDeniedError("403")))


def test_an_unexpected_error_has_no_message() -> None:
    assert explain(KeyError("x")) is None
