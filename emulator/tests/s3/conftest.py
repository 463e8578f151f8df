"""S3 servers of these tests' own."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from s3_server import BUCKET, Server, free_port

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("s3") / "state", free_port())
    server.state.mkdir()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """One server for all tests that do not stop it, with an empty bucket."""
    client = shared_server.client()
    client.create_bucket(Bucket=BUCKET)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for entry in page.get("Contents", []):
            client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    return shared_server


@pytest.fixture
def client(server: Server) -> "S3Client":
    return server.client()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, with a bucket, to stop and to kill."""
    server = Server(tmp_path / "state", free_port())
    server.state.mkdir()
    server.start()
    server.client().create_bucket(Bucket=BUCKET)
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()
