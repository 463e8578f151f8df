"""More slow requests at once than any pool has threads: everything else is answered meanwhile."""

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from emulator_process import BUCKET, Emulator
from function_archive import function_request
from waiting import wait_until

from sagemaker_emulator import server

WAITING = """
import pathlib, time
def handler(event, context):
    while not pathlib.Path(event["until"]).exists():
        time.sleep(0.3)
    return event["number"]
"""
ROLE = "arn:aws:iam::123456789012:role/lambda"


def send(
    emulator: Emulator, service: str, path: str, body: bytes, headers: dict[str, str] | None = None
) -> http.client.HTTPConnection:
    """Send a request, whose response is to be read later."""
    keys, url = emulator.keys, emulator.about["url"]
    request = AWSRequest("POST", url + path, headers or {}, body)
    pair = Credentials(keys.access_key_id, keys.secret_access_key)
    SigV4Auth(pair, service, "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=100)
    connection.request("POST", path, body, dict(request.headers.items()))
    return connection


def ask_everything(emulator: Emulator) -> None:
    """A request to each service that has threads of its own; none may wait for the slow ones."""
    short = {"read_timeout": 20}
    emulator.client("sagemaker", **short).list_models()
    emulator.client("lambda", **short).list_functions()
    emulator.client("events", **short).list_rules()
    emulator.client("logs", **short).describe_log_groups()
    emulator.client("iam", **short).list_roles()
    emulator.client("sqs", **short).list_queues()
    emulator.client("s3", **short).list_buckets()


def test_slow_invocations_hold_up_nobody(
    own_emulator: Callable[..., Emulator], tmp_path: Path
) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    emulator.client("lambda").create_function(**function_request("waits", WAITING, Timeout=900))
    many = server.THREADS["functions"] + 10
    until, path = tmp_path / "until", "/2015-03-31/functions/waits/invocations"
    sent = [
        send(
            emulator,
            "lambda",
            path,
            json.dumps({"until": str(until), "number": number}).encode(),
        )
        for number in range(many)
    ]
    running = emulator.state / "invocations"
    most = server.THREADS["functions"]
    wait_until(lambda: running.exists() and len(list(running.iterdir())) >= most, 100)
    ask_everything(emulator)
    assert len(list(running.iterdir())) == most
    until.touch()
    assert [json.loads(each.getresponse().read()) for each in sent] == list(range(many))
    for each in sent:
        each.close()


def test_clients_that_wait_for_a_queue_hold_up_nobody(
    own_emulator: Callable[..., Emulator],
) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    sqs = emulator.client("sqs")
    queue = sqs.create_queue(QueueName="waited")["QueueUrl"]
    emulator.client("s3").create_bucket(Bucket=BUCKET)
    headers = {
        "X-Amz-Target": "AmazonSQS.ReceiveMessage",
        "Content-Type": "application/x-amz-json-1.0",
    }
    body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": 20}).encode()
    many = server.THREADS["others"] + server.THREADS["moto"]
    began = time.monotonic()
    waiting = [send(emulator, "sqs", "/", body, headers) for _ in range(many)]
    ask_everything(emulator)
    for number in range(many):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    assert time.monotonic() - began < 20, "they did not wait at the same time"
    received: list[Any] = [json.loads(each.getresponse().read()) for each in waiting]
    bodies = [message["Body"] for one in received for message in one.get("Messages", [])]
    assert sorted(bodies, key=int) == [str(number) for number in range(many)]
    for each in waiting:
        each.close()


def test_message_is_not_given_to_a_client_that_has_gone(emulator: Emulator) -> None:
    sqs = emulator.client("sqs")
    queue = sqs.create_queue(QueueName="left")["QueueUrl"]
    headers = {
        "X-Amz-Target": "AmazonSQS.ReceiveMessage",
        "Content-Type": "application/x-amz-json-1.0",
    }
    body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": 20}).encode()
    gone = send(emulator, "sqs", "/", body, headers)
    time.sleep(0.5)
    gone.close()
    time.sleep(0.5)
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert message["Body"] == "hello"
