"""Settings that no machine changes, and AWS answered by moto over real HTTP."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pipelines import settings as settings_module
from pipelines.settings import Settings

ACCOUNT = "123456789012"


@dataclass
class Aws:
    session: boto3.Session
    url: str


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """An empty account."""
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    for variable, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(variable, value)
    session = boto3.Session(region_name="us-east-1")
    import httpx

    httpx.post(f"{server}/moto-api/reset")
    return Aws(session, server)


@pytest.fixture
def local() -> Settings:
    """The local settings as they are in the repository, with a source that is the same anywhere."""
    return _fixed("local")


@pytest.fixture
def on_aws() -> Settings:
    return _fixed("aws")


def _fixed(target: str) -> Settings:
    found = settings_module.load(target, {"PIPELINE_DATA_SOURCE": "s3://aft-vbi-pds"})
    return found.resolved(ACCOUNT)


@pytest.fixture
def bins(tmp_path: Path) -> Path:
    """A folder laid out like ABID, with three bins."""
    folder = tmp_path / "bins"
    for part, suffix in (("bin-images", "jpg"), ("metadata", "json")):
        (folder / part).mkdir(parents=True)
        for number in range(3):
            (folder / part / f"0000{number}.{suffix}").write_text(f"{part} {number}")
    return folder
