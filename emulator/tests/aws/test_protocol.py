"""Which service and what kind of request it is, by its head alone."""

import pytest

from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.signed_request import SignedRequest


def request(service: str, path: str = "/", target: str = "", method: str = "POST") -> SignedRequest:
    credential = f"Credential=AKIA/20261130/us-east-1/{service}/aws4_request"
    headers = [("Authorization", f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host")]
    if target:
        headers.append(("X-Amz-Target", target))
    return SignedRequest(method, path, "", headers, None)


@pytest.mark.parametrize(
    ("made", "service", "share"),
    [
        (request("sagemaker", target="SageMaker.ListModels"), "sagemaker", "others"),
        (request("iam", target="SageMaker.ListModels"), "sagemaker", "others"),
        (request("logs", target="Logs_20140328.PutLogEvents"), "logs", "others"),
        (request("sagemaker", "/endpoints/e/invocations"), "sagemaker", "endpoints"),
        (request("sagemaker", "/endpoints/e/invocations", method="GET"), "sagemaker", "others"),
        (request("lambda", "/2015-03-31/functions/f/invocations"), "lambda", "functions"),
        (request("lambda", "/2015-03-31/functions", method="GET"), "lambda", "others"),
        (request("sqs", target="AmazonSQS.ReceiveMessage"), "sqs", "moto"),
        (SignedRequest("GET", "/", "", [], None), None, "others"),
    ],
)
def test_requests_that_may_be_slow_have_threads_of_their_own(
    made: SignedRequest, service: str | None, share: str
) -> None:
    assert protocol.service_of_request(made) == service
    assert protocol.share(made, service) == share


def test_the_service_of_a_presigned_address_is_found() -> None:
    query = "X-Amz-Credential=AKIA%2F20261130%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=x"
    made = SignedRequest("GET", "/_emulator/functions/f/0.zip", query, [], None)

    assert protocol.service_of_request(made) == "lambda"
