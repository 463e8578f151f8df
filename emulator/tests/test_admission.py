"""Who may use the API: nobody without the state's key, no web page, no other name of the server."""

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from function_archive import function_request

from sagemaker_emulator.credentials import Credentials

OTHER = Credentials("AKIAABCDEFGHIJKLMNOP", "another")
LIST = {"X-Amz-Target": "SageMaker.ListModels", "Content-Type": "application/x-amz-json-1.1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
# For each protocol: what is sent, and what an error is read with.
PROTOCOLS: dict[str, dict[str, Any]] = {
    "sagemaker": {"body": b"{}", "headers": LIST},
    "events": {"body": b"{}", "headers": {"X-Amz-Target": "AWSEvents.ListRules"}},
    "logs": {"body": b"{}", "headers": {"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}},
    "lambda": {"method": "GET", "path": "/2015-03-31/functions"},
    "iam": {"body": b"Action=ListRoles&Version=2010-05-08", "headers": FORM},
    "ec2": {"body": b"Action=DescribeVpcs&Version=2016-11-15", "headers": FORM},
    "route53": {"method": "GET", "path": "/2013-04-01/hostedzone"},
    "sqs": {"body": b"{}", "headers": {"X-Amz-Target": "AmazonSQS.ListQueues"}},
}
JSON = ("sagemaker", "events", "logs", "lambda", "sqs")
ROOTS = {"iam": "<ErrorResponse>", "ec2": "<Response><Errors>", "route53": "<ErrorResponse>"}


def code_of(service: str, headers: Any, body: bytes) -> str:
    """An error's code as a client of the service reads it."""
    if service in JSON:
        document = json.loads(body)
        assert document["__type"] == headers["x-amzn-errortype"]
        assert document["message"]
        return str(document["__type"])
    assert headers["content-type"] == "text/xml"
    assert body.decode().startswith(ROOTS[service])
    (code,) = re.findall("<Code>(.*)</Code>", body.decode())
    return str(code)


@pytest.mark.parametrize("service", PROTOCOLS)
def test_what_the_states_key_signed_is_accepted(emulator: Emulator, service: str) -> None:
    status, _, body = emulator.send(service=service, **PROTOCOLS[service])

    assert status == 200, body


@pytest.mark.parametrize("service", PROTOCOLS)
def test_another_key_is_refused_in_the_protocol_of_the_request(
    emulator: Emulator, service: str
) -> None:
    request = PROTOCOLS[service]
    key = emulator.keys.access_key_id

    for keys, json_code, xml_code in (
        (OTHER, "UnrecognizedClientException", "InvalidClientTokenId"),
        (Credentials(key, "x"), "InvalidSignatureException", "SignatureDoesNotMatch"),
    ):
        status, headers, body = emulator.send(service=service, keys=keys, **request)
        assert status == 403
        expected = json_code if service in JSON else xml_code
        assert code_of(service, headers, body) == expected


@pytest.mark.parametrize("service", ["sagemaker", "iam", "events", "logs", "sqs", "ec2"])
def test_an_unsigned_request_is_refused(emulator: Emulator, service: str) -> None:
    status, headers, body = emulator.send(service="", **PROTOCOLS[service])

    assert status == 403
    shown = "iam" if service == "ec2" else service  # nothing tells that it is EC2's
    expected = "MissingAuthenticationToken" + ("Exception" if service in JSON else "")
    assert code_of(shown, headers, body) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/2015-03-31/functions/",
        "/endpoints/any/invocations",
        "/_emulator/functions/any/0.zip",
        "/_emulator/state",
        "/",
        "//",
        "/../server.json",
    ],
)
def test_no_path_gives_anything_to_the_unsigned(emulator: Emulator, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "HEAD"):
        status, headers, body = emulator.send(method, path, service="")
        assert status == 403
        assert "access-control-allow-origin" not in headers
        assert str(emulator.state).encode() not in body


def test_health_says_nothing(emulator: Emulator) -> None:
    status, _, body = emulator.send("GET", "/_emulator/health", service="")

    assert (status, body) == (200, b"{}")


@pytest.mark.parametrize(
    "change",
    [
        lambda request: setattr(request, "data", b'{"MaxResults": 5}'),
        lambda request: request.headers.replace_header(
            "X-Amz-Target", "SageMaker.ListModelPackages"
        ),
        lambda request: request.headers.add_header("X-Amz-Security-Token", "x"),
        lambda request: setattr(request, "url", request.url + "?x=1"),
    ],
    ids=["body", "target", "token", "query"],
)
def test_a_request_replayed_with_something_else_is_refused(
    emulator: Emulator, change: Callable[[AWSRequest], None]
) -> None:
    status, headers, body = emulator.send(body=b"{}", headers=LIST, change=change)

    assert status == 403
    assert code_of("sagemaker", headers, body) == "InvalidSignatureException"


@pytest.mark.parametrize("claim", ["UNSIGNED-PAYLOAD", "0" * 64])
def test_a_stated_hash_must_be_that_of_the_body(emulator: Emulator, claim: str) -> None:
    headers = {**LIST, "X-Amz-Content-SHA256": claim}

    assert emulator.send(body=b"{}", headers=headers)[0] == 403


@pytest.mark.parametrize(("minutes", "code"), [(-6, "expired"), (6, "not yet current")])
def test_a_request_of_another_time_is_refused(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, minutes: int, code: str
) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_: then)

    status, _, body = emulator.send(body=b"{}", headers=LIST)

    assert status == 403
    assert json.loads(body)["__type"] == "InvalidSignatureException"
    assert json.loads(body)["message"].startswith(f"Signature {code}: ")


def test_a_function_of_somebody_else_is_not_created(emulator: Emulator, name: str) -> None:
    session = boto3.Session(emulator.keys.access_key_id, "wrong", region_name="us-east-1")
    client = session.client("lambda", endpoint_url=emulator.about["url"])

    with pytest.raises(ClientError, match="InvalidSignatureException") as caught:
        client.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role="arn:aws:iam::123456789012:role/emulator",
            Handler="x.y",
            Code={"ZipFile": b"PK"},
        )

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError, match="ResourceNotFound"):
        emulator.client("lambda").get_function(FunctionName=name)


def test_a_functions_code_is_given_to_whoever_has_its_address(
    emulator: Emulator, name: str
) -> None:
    functions = emulator.client("lambda")
    functions.create_function(**function_request(name))
    location = functions.get_function(FunctionName=name)["Code"]["Location"]
    target = location.removeprefix(emulator.about["url"])

    status, _, body = emulator.send("GET", target, service="")
    assert (status, body[:2]) == (200, b"PK")
    for other in (target.replace(name, "other"), target.replace("Expires=600", "Expires=6000")):
        assert emulator.send("GET", other, service="")[0] == 403


def test_an_endpoint_is_not_invoked_by_somebody_else(emulator: Emulator) -> None:
    path = "/endpoints/any/invocations"

    assert emulator.send(path=path, body=b"x", keys=OTHER)[0] == 403
    assert emulator.send(path=path, body=b"x")[0] == 400


def test_a_signature_for_another_service_is_refused(emulator: Emulator) -> None:
    status, headers, body = emulator.send(body=b"{}", headers=LIST, service="iam")

    assert status == 403
    assert code_of("sagemaker", headers, body) == "InvalidSignatureException"


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}", ""]
)
def test_another_host_is_not_served(emulator: Emulator, host: str) -> None:
    """A page that points its own name at the loopback address would be of the same origin."""
    port = emulator.about["url"].rpartition(":")[2]
    headers = {**LIST, "Host": host.format(port=port)}

    for path in ("/", "/_emulator/health"):
        assert emulator.send(path=path, body=b"{}", headers=headers)[0] == 421


def test_the_server_has_the_names_of_the_loopback_address(emulator: Emulator) -> None:
    port = emulator.about["url"].rpartition(":")[2]

    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert emulator.send(body=b"{}", headers={**LIST, "Host": host})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8888"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_origin_is_refused(emulator: Emulator, headers: dict[str, str]) -> None:
    for path in ("/", "/_emulator/health"):
        status, answered, _ = emulator.send(path=path, body=b"{}", headers={**LIST, **headers})
        assert status == 403
        assert "access-control-allow-origin" not in answered


def test_a_page_of_the_server_itself_is_allowed(emulator: Emulator) -> None:
    headers = {"Origin": emulator.about["url"], "Sec-Fetch-Site": "same-origin"}

    assert emulator.send(body=b"{}", headers={**LIST, **headers})[0] == 200


def test_two_states_have_different_keys(
    emulator: Emulator, own_emulator: Callable[..., Emulator]
) -> None:
    other = own_emulator()
    assert other.up().returncode == 0

    assert other.keys != emulator.keys
    assert other.send(body=b"{}", headers=LIST, keys=emulator.keys)[0] == 403
    assert other.send(body=b"{}", headers=LIST)[0] == 200


def test_keys_are_given_to_whoever_may_read_the_state(emulator: Emulator) -> None:
    assert emulator.keys.secret_access_key not in (emulator.state / "server.json").read_text()
    variables = json.loads(emulator.run("env", "--json").stdout)
    assert variables["AWS_ACCESS_KEY_ID"] == emulator.keys.access_key_id
    assert variables["AWS_SECRET_ACCESS_KEY"] == emulator.keys.secret_access_key
    assert str(emulator.state / "credentials.json") in emulator.run("up").stdout


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000, b'{"a": NaN}'])
def test_a_body_that_is_no_json_is_the_requests_fault(emulator: Emulator, body: bytes) -> None:
    for target in ("AmazonSQS.ReceiveMessage", "AmazonSQS.ListQueues", "AWSEvents.PutEvents"):
        service = "sqs" if "SQS" in target else "events"
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        status, _, answer = emulator.send(body=body, headers=headers, service=service)
        assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize("many", ["--5", "²", "9" * 5000, "x", "1.5", " 5"])
def test_a_number_in_a_query_that_is_none_is_the_requests_fault(
    emulator: Emulator, many: str
) -> None:
    from urllib.parse import quote

    path = f"/2015-03-31/functions/?MaxItems={quote(many)}"

    assert emulator.send("GET", path, service="lambda")[0] == 400


@pytest.mark.parametrize(
    ("service", "path", "size", "code"),
    [
        ("sagemaker", "/", 6 << 20, "RequestEntityTooLargeException"),
        (
            "lambda",
            "/2015-03-31/functions/f/invocations",
            6_291_556,
            "RequestEntityTooLargeException",
        ),
        ("sagemaker", "/endpoints/any/invocations", 25 << 20, "413"),
    ],
)
def test_a_body_has_a_limit(
    emulator: Emulator, service: str, path: str, size: int, code: str
) -> None:
    def claim(request: AWSRequest) -> None:
        request.headers["Content-Length"] = str(size + 1)
        request.data = b"x" * 1000

    status, headers, body = emulator.send(path=path, body=b"x", service=service, change=claim)

    assert status == 413
    assert headers["connection"] == "close"
    assert json.loads(body)["__type"] == code


def test_a_head_has_a_limit(emulator: Emulator) -> None:
    many = {f"x-{number}": "y" for number in range(300)}
    assert emulator.send("GET", "/_emulator/health", headers=many, service="")[0] == 431
    long = {"x-long": "y" * 100_000}
    assert emulator.send("GET", "/_emulator/health", headers=long, service="")[0] in (400, 431)


def test_a_compressed_request_reaches_its_service(emulator: Emulator, name: str) -> None:
    document = {
        "Namespace": name,
        "MetricData": [{"MetricName": "m", "Value": 1}],
    }
    headers = {
        "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
        "Content-Type": "application/x-amz-json-1.0",
        "Content-Encoding": "gzip",
    }

    status, _, body = emulator.send(
        body=gzip.compress(json.dumps(document).encode()), headers=headers, service="monitoring"
    )

    assert status == 200, body
    metrics = emulator.client("cloudwatch").list_metrics(Namespace=name)["Metrics"]
    assert [metric["MetricName"] for metric in metrics] == ["m"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_curl_can_sign(emulator: Emulator) -> None:
    user = f"{emulator.keys.access_key_id}:{emulator.keys.secret_access_key}"
    command = ["curl", "-s", "--aws-sigv4", "aws:amz:us-east-1:sagemaker", "--user", user]
    for header, value in LIST.items():
        command += ["-H", f"{header}: {value}"]
    done = subprocess.run(
        [*command, "-d", "{}", emulator.about["url"] + "/"], capture_output=True, check=True
    )
    assert "Models" in json.loads(done.stdout)
