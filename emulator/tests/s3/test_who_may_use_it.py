"""S3 is for whoever has the state's key: no page of another origin, no other key, no other body."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from emulator_process import BUCKET, Emulator

from sagemaker_emulator.credentials import Credentials

OTHER = Credentials("AKIAABCDEFGHIJKLMNOP", "another")


@pytest.fixture
def path(emulator: Emulator, name: str) -> Iterator[str]:
    """An object that must be there with its content when the test ends."""
    s3 = emulator.client("s3")
    s3.put_object(Bucket=BUCKET, Key=name, Body=b"content")
    yield f"/{BUCKET}/{name}"
    assert s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() == b"content"


def code_of(body: bytes) -> str:
    (code,) = re.findall("<Code>(.*)</Code>", body.decode())
    return str(code)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_an_unsigned_request_is_refused(emulator: Emulator, path: str, method: str) -> None:
    for address in ("/", f"/{BUCKET}", f"/{BUCKET}?delete", path, f"{path}?tagging"):
        status, headers, body = emulator.send(
            method, address, b"evil", service="s3", change=_unsigned
        )
        assert (status, code_of(body)) == (403, "AccessDenied")
        assert "access-control-allow-origin" not in headers


def _unsigned(request: AWSRequest) -> None:
    del request.headers["Authorization"]


def test_another_key_is_refused(emulator: Emulator, path: str) -> None:
    wrong = Credentials(emulator.keys.access_key_id, "wrong")
    for keys, code in ((OTHER, "InvalidAccessKeyId"), (wrong, "SignatureDoesNotMatch")):
        for method in ("GET", "PUT", "DELETE"):
            status, _, body = emulator.send(method, path, b"evil", service="s3", keys=keys)
            assert (status, code_of(body)) == (403, code)


def test_a_request_replayed_with_another_body_is_refused(emulator: Emulator, path: str) -> None:
    def change(request: AWSRequest) -> None:
        request.data = b"evilevi"

    status, _, body = emulator.send("PUT", path, b"content", service="s3", change=change)

    assert (status, code_of(body)) == (400, "XAmzContentSHA256Mismatch")


def test_a_request_replayed_for_another_key_is_refused(emulator: Emulator, path: str) -> None:
    def change(request: AWSRequest) -> None:
        request.url = str(request.url).replace("/other", path.removeprefix(f"/{BUCKET}"))

    status, _, body = emulator.send("DELETE", f"/{BUCKET}/other", service="s3", change=change)

    assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")


def test_a_request_of_another_time_is_refused(
    emulator: Emulator, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = datetime.now(UTC) - timedelta(minutes=16)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_: then)

    status, _, body = emulator.send("DELETE", path, service="s3")

    assert (status, code_of(body)) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_address_is_for_its_time_and_method(
    emulator: Emulator, path: str, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Signature Version 2 is what boto3 uses unless it is told otherwise."""
    s3 = emulator.client("s3", signature_version=version)
    place = {"Bucket": BUCKET, "Key": path.rpartition("/")[2]}

    def target(seconds: int = 60) -> str:
        url = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=seconds)
        return str(url.removeprefix(emulator.about["s3_url"]))

    def send(method: str, target: str) -> Any:
        return emulator.send(method, target, service="s3", change=_bare)

    assert send("GET", target())[::2] == (200, b"content")
    bucket = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": BUCKET})
    assert send("GET", bucket.removeprefix(emulator.about["s3_url"]))[0] == 200
    assert code_of(send("DELETE", target())[2]) == "SignatureDoesNotMatch"
    if version == "s3":
        late = target(-120)
    else:
        then = datetime.now(UTC) - timedelta(minutes=2)
        monkeypatch.setattr(auth, "get_current_datetime", lambda *_: then)
        late = target()
    status, _, body = send("GET", late)
    assert (status, code_of(body)) == (403, "AccessDenied")
    assert b"Request has expired" in body


def _bare(request: AWSRequest) -> None:
    for name in ("Authorization", "X-Amz-Date", "X-Amz-Content-SHA256"):
        del request.headers[name]


def test_a_web_page_gets_nothing(emulator: Emulator, path: str) -> None:
    """Neither by fetch, nor by a preflight, nor by a form, which needs none."""
    origin = {"Origin": "http://evil.example"}
    _, headers, _ = emulator.send("GET", path, headers=origin, service="s3")
    assert "access-control-allow-origin" not in headers

    asked = {**origin, "Access-Control-Request-Method": "PUT"}
    status, headers, _ = emulator.send("OPTIONS", path, headers=asked, service="s3", change=_bare)
    assert status == 403
    assert "access-control-allow-origin" not in headers

    key = path.rpartition("/")[2]
    form = (
        f'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\n{key}\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nevil\r\n--b--\r\n'
    )
    sent = {**origin, "Content-Type": "multipart/form-data; boundary=b"}
    status, headers, body = emulator.send(
        "POST", f"/{BUCKET}", form.encode(), sent, service="s3", change=_bare
    )
    assert (status, code_of(body)) == (403, "AccessDenied")
    assert "access-control-allow-origin" not in headers


def test_a_page_that_renames_the_server_gets_nothing(emulator: Emulator, path: str) -> None:
    for host in ("evil.example", "localhost.evil.example:80", f"{BUCKET}.evil.example"):
        status, _, body = emulator.send(
            "GET", path, headers={"Host": host}, service="s3", change=_bare
        )
        assert (status, code_of(body)) == (403, "AccessDenied")
