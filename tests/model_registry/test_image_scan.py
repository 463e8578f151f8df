"""ECR's scan of an image: what may serve, and what a refusal says. ECR is moto's."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from model_registry import image_scan
from model_registry.configuration import Placement
from model_registry.errors import ImageScanError
from model_registry.lambda_handler import handler
from model_registry.promotion import promote

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient
    from types_boto3_sagemaker import SageMakerClient

    from tests.model_registry.served import Register

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"digest": f"sha256:{'1' * 64}", "size": 1},
    "layers": [],
}
IMAGE = f"{HOST}/tally-inference:1"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def ecr(url: str) -> "ECRClient":
    """An account whose repository has one image, which has not been scanned."""
    httpx.post(f"{url}/moto-api/reset")
    client = boto3.client(
        "ecr", region_name="us-east-1", endpoint_url=url,
        aws_access_key_id="testing", aws_secret_access_key="testing",
    )  # fmt: skip
    client.create_repository(repositoryName="tally-inference")
    client.put_image(
        repositoryName="tally-inference", imageManifest=json.dumps(MANIFEST), imageTag="1"
    )
    return client


def scan(ecr: "ECRClient", url: str, counts: dict[str, int], status: str = "COMPLETE") -> None:
    """Have the image scanned, with these numbers of findings."""
    ecr.start_image_scan(repositoryName="tally-inference", imageId={"imageTag": "1"})
    result: dict[str, Any] = {
        "registryId": "123456789012",
        "repositoryName": "tally-inference",
        "imageId": {"imageTag": "1"},
        "imageScanStatus": {"status": status, "description": "of the test"},
        "imageScanFindings": {"findings": [], "findingSeverityCounts": counts},
    }
    answer = httpx.post(
        f"{url}/moto-api/static/ecr/scan-finding-results",
        json={"results": [result], "region": "us-east-1"},
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("stop_at", "counts"),
    [
        ("critical", {}),
        ("critical", {"HIGH": 3, "MEDIUM": 9}),
        ("high", {"MEDIUM": 9, "LOW": 1}),
        ("none", {"CRITICAL": 1}),
    ],
)
def test_an_image_without_such_findings_may_serve(
    ecr: "ECRClient", url: str, stop_at: str, counts: dict[str, int]
) -> None:
    scan(ecr, url, counts)
    image_scan.check(ecr, IMAGE, stop_at)


@pytest.mark.parametrize(
    ("stop_at", "counts", "said"),
    [
        ("critical", {"CRITICAL": 2, "HIGH": 1}, "has 2 CRITICAL findings"),
        ("high", {"CRITICAL": 2, "HIGH": 1}, "has 2 CRITICAL and 1 HIGH findings"),
        ("high", {"HIGH": 1}, "has 1 HIGH findings"),
    ],
)
def test_an_image_with_such_findings_is_refused(
    ecr: "ECRClient", url: str, stop_at: str, counts: dict[str, int], said: str
) -> None:
    scan(ecr, url, counts)
    with pytest.raises(ImageScanError, match=said) as refusal:
        image_scan.check(ecr, IMAGE, stop_at)
    assert "images --renew-base" in str(refusal.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("IN_PROGRESS", "Promote again when it has ended"),
        ("FAILED", "Scan it again"),
        ("UNSUPPORTED_IMAGE", "Scan it again"),
    ],
)
def test_a_scan_that_has_not_ended_is_no_permission(
    ecr: "ECRClient", url: str, status: str, said: str
) -> None:
    scan(ecr, url, {}, status)
    with pytest.raises(ImageScanError, match=f"is {status} of the test.*{said}"):
        image_scan.check(ecr, IMAGE, "critical")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (IMAGE, "shows no scan of .*ScanNotFoundException"),
        (f"{HOST}/tally-inference:2", "shows no scan of .*ImageNotFoundException"),
        (f"{HOST}/other:1", "shows no scan of .*RepositoryNotFoundException"),
        ("python:3.11-slim", "is not in ECR"),
    ],
)
def test_an_image_without_a_scan_is_refused(ecr: "ECRClient", image: str, said: str) -> None:
    with pytest.raises(ImageScanError, match=said):
        image_scan.check(ecr, image, "high")


def scanned(session: boto3.Session) -> "ECRClient":
    """An account whose registry has scanned the image: moto finds one HIGH vulnerability in all."""
    client = session.client("ecr")
    client.create_repository(repositoryName="tally-inference")
    client.put_image(
        repositoryName="tally-inference", imageManifest=json.dumps(MANIFEST), imageTag="1"
    )
    client.start_image_scan(repositoryName="tally-inference", imageId={"imageTag": "1"})
    return client


@pytest.mark.parametrize("stop_at", ["high", "critical", "none"])
def test_a_version_whose_image_has_findings_is_not_promoted(
    session: boto3.Session, client: "SageMakerClient", register: "Register", stop_at: str
) -> None:
    ecr, arn = scanned(session), register("Approved")
    placement = Placement(
        "tally", "ml.m5.large", "arn:aws:iam::123456789012:role/x", stop_at=stop_at
    )
    if stop_at != "high":
        assert promote(client, arn, placement, ecr=ecr).status == "endpoint created"
        return
    with pytest.raises(ImageScanError, match="has 1 HIGH findings, and images"):
        promote(client, arn, placement, ecr=ecr)
    assert not client.list_endpoint_configs()["EndpointConfigs"]


def test_the_function_refuses_such_a_version_and_says_why(
    session: boto3.Session,
    client: "SageMakerClient",
    register: "Register",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scanned(session)
    arn = register("Approved", endpoint_name="tally", instance_type="ml.m5.large")
    monkeypatch.setenv("STOP_AT", "high")
    monkeypatch.setenv("EXECUTION_ROLE", "arn:aws:iam::123456789012:role/x")
    event = {
        "detail-type": "SageMaker Model Package State Change",
        "time": "2026-11-30T12:00:00Z",
        "detail": {"ModelPackageArn": arn, "ModelPackageGroupName": "tally"},
    }
    result = handler(event)
    assert result["status"] == "refused"
    assert "has 1 HIGH findings" in result["reason"]
    assert not client.list_endpoint_configs()["EndpointConfigs"]
    with pytest.raises(ImageScanError):  # the Deploy step fails, with the reason
        handler({"model_package_arn": arn, "endpoint_name": "tally"})
