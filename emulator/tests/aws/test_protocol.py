"""Which service and what kind of request it is, by its head alone."""

import pytest

from sagemaker_emulator.aws import protocol
from sagemaker_emulator.aws.signature import SignedRequest


def request(service: str, path: str = "/", target: str = "", method: str = "POST") -> SignedRequest:
    credential = f"Credential=AKIA/20261130/us-east-1/{service}/aws4_request"
    headers = [("Authorization", f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host")]
    if target:
        headers.append(("X-Amz-Target", target))
    return SignedRequest(method, path, "", headers, None)


@pytest.mark.parametrize(
    ("made", "service", "waits"),
    [
        (request("sagemaker", target="SageMaker.ListModels"), "sagemaker", False),
        (request("iam", target="SageMaker.ListModels"), "sagemaker", False),
        (request("logs", target="Logs_20140328.PutLogEvents"), "logs", False),
        (request("sagemaker", "/endpoints/e/invocations"), "sagemaker", True),
        (request("sagemaker", "/endpoints/e/invocations", method="GET"), "sagemaker", False),
        (request("lambda", "/2015-03-31/functions/f/invocations"), "lambda", True),
        (request("lambda", "/2015-03-31/functions", method="GET"), "lambda", False),
        (request("sqs", target="AmazonSQS.ReceiveMessage"), "sqs", True),
        (SignedRequest("GET", "/", "", [], None), None, False),
    ],
)
def test_requests_that_wait_are_told_from_those_that_do_not(
    made: SignedRequest, service: str | None, waits: bool
) -> None:
    """They get threads of their own, so that slow models hold up nobody else."""
    assert protocol.service_of_request(made) == service
    assert protocol.may_wait(made, service) is waits


def test_the_service_of_a_presigned_address_is_found() -> None:
    query = "X-Amz-Credential=AKIA%2F20261130%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=x"
    made = SignedRequest("GET", "/_emulator/functions/f/0.zip", query, [], None)

    assert protocol.service_of_request(made) == "lambda"
