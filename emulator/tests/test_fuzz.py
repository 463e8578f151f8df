"""Requests by botocore's shapes, the same in each run: none is the server's fault."""

import collections
import json
from collections.abc import Callable
from typing import Any, NoReturn

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from fuzz import NAMES, RIGHT, Fuzz

SEED = 20261130
REQUESTS = {"sagemaker": 2000, "events": 400, "logs": 400}
TARGETS = {"sagemaker": "SageMaker", "events": "AWSEvents", "logs": "Logs_20140328"}


def refuse(token: str) -> NoReturn:
    raise AssertionError(f"a response holds {token}")


class Sender:
    """Sends bodies as they are, signed as a client signs them."""

    def __init__(self, emulator: Any) -> None:
        keys = emulator.keys
        self._url = emulator.about["url"] + "/"
        self._keys = Credentials(keys.access_key_id, keys.secret_access_key)
        self._client = httpx.Client(timeout=60, trust_env=False)

    def send(self, operation: str, body: bytes, service: str = "sagemaker") -> httpx.Response:
        headers = {
            "X-Amz-Target": f"{TARGETS[service]}.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
        }
        request = AWSRequest("POST", self._url, headers, body)
        SigV4Auth(self._keys, service, "us-east-1").add_auth(request)
        return self._client.post(self._url, content=body, headers=dict(request.headers.items()))


@pytest.fixture
def sender(own_emulator: Callable[..., Any]) -> Sender:
    """A server with a model, a pipeline and so on, of each name that the requests use."""
    emulator = own_emulator()
    started = emulator.up()
    assert started.returncode == 0, started.stderr
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a", Body=b"x")
    sender = Sender(emulator)
    for operation, name in NAMES.items():
        for letter in "abc" if "Job" not in operation and operation != "CreateEndpoint" else ():
            request = {**RIGHT[operation], name: letter}
            if "Pipeline" in operation:
                request["ClientRequestToken"] = letter * 32
            response = sender.send(operation, json.dumps(request).encode())
            assert response.status_code == 200, response.text
    response = sender.send("CreateModelPackage", json.dumps(RIGHT["CreateModelPackage"]).encode())
    assert response.status_code == 200, response.text
    return sender


@pytest.mark.parametrize("service", REQUESTS)
def test_no_request_is_the_servers_fault(sender: Sender, service: str) -> None:
    codes: collections.Counter[int] = collections.Counter()
    faults = []
    for operation, body in Fuzz(SEED).requests(service, REQUESTS[service]):
        response = sender.send(operation, body, service)
        codes[response.status_code] += 1
        if response.status_code >= 500:
            faults.append((operation, body[:2000], response.text))
        else:
            json.loads(response.text, parse_constant=refuse)
    assert not faults
    # The requests get past the door: many are run.
    assert codes[200] > REQUESTS[service] / 10
