"""Signatures made by botocore's own signers, checked as they come over the wire."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from sagemaker_emulator.aws.signature import verify
from sagemaker_emulator.aws.signature_claim import JSON_CODES, UNSIGNED_PAYLOAD, SignatureRefused
from sagemaker_emulator.aws.signed_request import SignedRequest
from sagemaker_emulator.credentials import Credentials

PAIR = Credentials("AKIAAAAAAAAAAAAAAAAA", "a secret")
URL = "http://127.0.0.1:5580"
Signer = type[SigV4Auth]


def signed(
    service: str,
    path: str = "/",
    body: bytes = b"{}",
    method: str = "POST",
    headers: dict[str, str] | None = None,
    pair: Credentials = PAIR,
    token: str | None = None,
    signer: Signer | None = None,
    **options: int,
) -> SignedRequest:
    """A request that botocore signed now, as a server receives it."""
    request = AWSRequest(
        method, URL + path, {"X-Amz-Other": "  two   words ", **(headers or {})}, body
    )
    keys = BotocoreCredentials(pair.access_key_id, pair.secret_access_key, token)
    kind = signer or (S3SigV4Auth if service == "s3" else SigV4Auth)
    kind(keys, service, "us-east-1", **options).add_auth(request)
    parts = urlsplit(str(request.url))
    received = [(str(name), str(value)) for name, value in request.headers.items()]
    return SignedRequest(
        method,
        parts.path,
        parts.query,
        [*received, ("Host", parts.netloc)],
        service,
        sha256(body).hexdigest(),
    )


@pytest.mark.parametrize("value", ["Å à", " à  ", "Å", "two   words  à"])
def test_letters_beyond_ascii_in_a_header_are_as_they_were_signed(value: str) -> None:
    request = signed("s3", headers={"x-amz-meta-a": value})
    as_received = [(name, text.encode().decode("latin-1")) for name, text in request.headers]
    verify(replace(request, headers=as_received), PAIR, datetime.now(UTC))


def refusal(request: SignedRequest, now: datetime | None = None) -> SignatureRefused:
    """Why a request is refused."""
    with pytest.raises(SignatureRefused) as caught:
        verify(request, PAIR, now or datetime.now(UTC))
    return caught.value


def changed(request: SignedRequest, name: str, change: Callable[[str], str]) -> SignedRequest:
    """The request with another value of a header."""
    return replace(
        request,
        headers=[
            (key, change(value) if key.lower() == name else value) for key, value in request.headers
        ],
    )


@pytest.mark.parametrize("service", ["s3", "sagemaker", "lambda", "iam"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/bucket/a%20key/%C3%A9%2B%28~%29%2A",
        "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST",
        "/bucket?list-type=2&prefix=a%20b%2B&prefix=&uploads",
    ],
)
@pytest.mark.parametrize("token", [None, "a session token"])
def test_what_botocore_signs_is_accepted(service: str, path: str, token: str | None) -> None:
    request = signed(service, path, b'{"a": 1}', token=token)

    signature = verify(request, PAIR, datetime.now(UTC))

    assert signature.payload_hash == sha256(b'{"a": 1}').hexdigest()
    assert signature.service == service
    assert not signature.presigned


@pytest.mark.parametrize("signer", [S3SigV4QueryAuth, SigV4QueryAuth])
def test_a_presigned_address_is_accepted_until_it_expires(signer: Signer) -> None:
    service = "s3" if signer is S3SigV4QueryAuth else "sts"
    request = signed(service, "/b/k%20?x=1", b"", "GET", signer=signer, expires=60)
    now = datetime.now(UTC)

    signature = verify(request, PAIR, now)

    assert signature.presigned
    assert signature.payload_hash == (
        UNSIGNED_PAYLOAD if service == "s3" else sha256(b"").hexdigest()
    )
    late = refusal(request, now + timedelta(seconds=62))
    early = refusal(request, now - timedelta(minutes=16))
    if service == "s3":
        assert (late.code, late.message) == ("AccessDenied", "Request has expired")
        assert (early.code, early.message) == ("AccessDenied", "Request is not yet valid")
    else:
        assert late.code == early.code == "SignatureDoesNotMatch"
        assert late.message.startswith("Signature expired: ")


@pytest.mark.parametrize(
    ("expiry", "message"),
    [
        ("-1", "must be non-negative"),
        ("x", "should be a number"),
        ("²", "should be a number"),
        ("604801", "less than 604800 seconds"),
        ("9" * 5000, "should be a number"),
    ],
)
def test_an_expiry_that_aws_would_not_sign_is_refused(expiry: str, message: str) -> None:
    request = signed("s3", "/b/k", b"", "GET", signer=S3SigV4QueryAuth, expires=60)
    query = request.query_string.replace("X-Amz-Expires=60", f"X-Amz-Expires={expiry}")
    query = query.encode().decode("latin-1")

    problem = refusal(replace(request, query_string=query))

    assert (problem.code, problem.status) == ("AuthorizationQueryParametersError", 400)
    assert message in problem.message


@pytest.mark.parametrize("service", ["s3", "sagemaker"])
@pytest.mark.parametrize(
    "change",
    [
        lambda request: replace(request, method="DELETE"),
        lambda request: replace(request, raw_path="/other"),
        lambda request: replace(request, query_string="a=2"),
        lambda request: replace(request, query_string=""),
        lambda request: changed(request, "x-amz-other", lambda _: "another"),
        lambda request: changed(request, "host", lambda _: "127.0.0.1:5581"),
        lambda request: changed(request, "authorization", lambda text: text[:-64] + "0" * 64),
        lambda request: changed(request, "authorization", lambda text: text[:-1] + "é"),
    ],
)
def test_what_was_not_signed_is_refused(
    service: str, change: Callable[[SignedRequest], SignedRequest]
) -> None:
    problem = refusal(change(signed(service, "/bucket/key?a=1")))

    assert (problem.code, problem.status) == ("SignatureDoesNotMatch", 403)
    assert "does not match the signature you provided" in problem.message


def test_another_body_has_another_hash_than_was_signed() -> None:
    request = signed("sagemaker", body=b"{}")

    assert refusal(replace(request, body_hash=sha256(b"[]").hexdigest())).code == (
        "SignatureDoesNotMatch"
    )
    stated = signed("s3", body=b"{}")
    assert verify(stated, PAIR, datetime.now(UTC)).payload_hash == sha256(b"{}").hexdigest()


@pytest.mark.parametrize(
    ("service", "code"), [("s3", "InvalidAccessKeyId"), ("sagemaker", "InvalidClientTokenId")]
)
def test_another_key_is_unknown(service: str, code: str) -> None:
    assert refusal(signed(service, pair=Credentials("AKIAB", PAIR.secret_access_key))).code == code
    assert refusal(signed(service, pair=Credentials(PAIR.access_key_id, "other"))).code == (
        "SignatureDoesNotMatch"
    )


@pytest.mark.parametrize(
    ("service", "code"), [("s3", "AccessDenied"), ("sagemaker", "MissingAuthenticationToken")]
)
def test_a_request_without_a_signature_is_refused(service: str, code: str) -> None:
    request = signed(service)
    unsigned = [pair for pair in request.headers if pair[0].lower() != "authorization"]

    problem = refusal(replace(request, headers=unsigned))

    assert (problem.code, problem.status) == (code, 403)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_of_another_time_is_refused(minutes: int) -> None:
    now = datetime.now(UTC) + timedelta(minutes=minutes)

    assert refusal(signed("s3"), now).code == "RequestTimeTooSkewed"
    problem = refusal(signed("sagemaker"), now)
    assert JSON_CODES[problem.code] == "InvalidSignatureException"
    assert problem.message.startswith(
        "Signature expired: " if minutes > 0 else "Signature not yet current: "
    )


@pytest.mark.parametrize("minutes", [-14, 14])
def test_s3_allows_fifteen_minutes_and_the_others_five(minutes: int) -> None:
    now = datetime.now(UTC) + timedelta(minutes=minutes)

    verify(signed("s3"), PAIR, now)
    refusal(signed("sagemaker"), now)
    verify(signed("sagemaker"), PAIR, datetime.now(UTC) + timedelta(minutes=minutes / 3))


@pytest.mark.parametrize("service", ["s3", "sagemaker"])
@pytest.mark.parametrize("name", ["x-amz-target", "X-Amz-Copy-Source", "x-amz-security-token"])
def test_a_header_that_changes_what_happens_must_be_signed(service: str, name: str) -> None:
    request = signed(service)

    problem = refusal(replace(request, headers=[*request.headers, (name, "something")]))

    assert problem.code == ("AccessDenied" if service == "s3" else "SignatureDoesNotMatch")
    assert name.lower() in problem.message


def test_the_host_must_be_signed() -> None:
    request = signed("sagemaker")
    unsigned = changed(request, "authorization", lambda text: text.replace("host;", ""))

    assert "'host' must be a 'SignedHeader'" in refusal(unsigned).message


@pytest.mark.parametrize(
    ("header", "s3", "other"),
    [
        ("AWS AKIA:c2ln", "InvalidRequest", "IncompleteSignature"),
        ("Bearer token", "InvalidRequest", "IncompleteSignature"),
        ("", "InvalidRequest", "IncompleteSignature"),
        ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed", "IncompleteSignature"),
        (
            "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=00",
            "AuthorizationHeaderMalformed",
            "IncompleteSignature",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request, SignedHeaders=host, Signature=0",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
        ),
    ],
)
def test_a_header_that_is_no_signature_is_refused(header: str, s3: str, other: str) -> None:
    assert refusal(changed(signed("s3"), "authorization", lambda _: header)).code == s3
    assert refusal(changed(signed("iam"), "authorization", lambda _: header)).code == other


def test_a_signature_for_another_service_is_refused() -> None:
    request = replace(signed("iam"), service="sagemaker")

    assert refusal(request).message == (
        "Credential should be scoped to correct service: 'sagemaker'."
    )
    assert refusal(replace(signed("iam", signer=S3SigV4Auth), service="s3")).code == (
        "AuthorizationHeaderMalformed"
    )
    assert verify(replace(request, service=None), PAIR, datetime.now(UTC)).service == "iam"


def test_the_day_of_the_scope_is_that_of_the_date() -> None:
    request = changed(
        signed("sagemaker"), "authorization", lambda text: text.replace("/20", "/19", 1)
    )

    assert refusal(request).message.startswith("Date in Credential scope does not match")
