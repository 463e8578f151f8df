"""A request with a known answer, sent to the endpoint as a client sends it.

Train packs pictures with the model's answers into the model's archive, and the server compares them
when it loads. This asks once more through the endpoint: its name, its network, its permissions.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from model_registry.versions import ModelVersion

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

NAMESPACE: Final = "Tally"
METRIC: Final = "SelfTestFailed"  # the alarm self-test is on this
FOLDER: Final = "selftest/"
ANSWERS: Final = "answers.json"


@dataclass(frozen=True)
class SmokeTest:
    """The outcome.

    Attributes:
        passed: Whether the endpoint answered as the model did; None: the model has no self-test.
        message: A sentence for a person.
    """

    endpoint_name: str
    package_arn: str
    version: int
    passed: bool | None
    message: str


def run(
    s3: S3Client, runtime: SageMakerRuntimeClient, endpoint: str, version: ModelVersion
) -> SmokeTest:
    """Send the first packed request to an endpoint on which all requests go to this version."""
    packed = _packed(s3, version.data_url)
    if packed is None:
        passed, what = None, "was not tested: its archive holds no self-test"
    else:
        body, kind, counts = packed
        passed, what = _ask(runtime, endpoint, body, kind, counts)
    message = f"Endpoint {endpoint} with version {version.version} {what}."
    return SmokeTest(endpoint, version.arn, version.version, passed, message)


def measure(client: CloudWatchClient, outcome: SmokeTest) -> None:
    """Put the outcome where the alarm sees it."""
    client.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": METRIC,
                "Dimensions": [{"Name": "EndpointName", "Value": outcome.endpoint_name}],
                "Value": 0.0 if outcome.passed else 1.0,
            }
        ],
    )


def _ask(
    runtime: SageMakerRuntimeClient, endpoint: str, body: bytes, kind: str, counts: set[int]
) -> tuple[bool, str]:
    try:
        response = runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType=kind, Accept="application/json"
        )
    except ClientError as error:
        return False, f"failed its smoke test: {error.response['Error'].get('Message', error)}"
    try:
        count = json.loads(response["Body"].read())["count"]
    except (ValueError, KeyError, TypeError):
        return False, "failed its smoke test: its answer is not JSON with a count"
    if count not in counts:
        expected = " or ".join(map(str, sorted(counts)))
        return False, f"failed its smoke test: it counted {count}, the model had counted {expected}"
    return True, f"passed its smoke test: it counted {count}, as the model had"


def _packed(s3: S3Client, data_url: str) -> tuple[bytes, str, set[int]] | None:
    """A packed request, its content type, and the counts that the model's weights answered."""
    if not data_url.startswith("s3://"):
        return None
    bucket, _, key = data_url.removeprefix("s3://").partition("/")
    files: dict[str, bytes] = {}
    # As a stream: a function has no room for an archive, and this reads only once.
    stream = cast("IO[bytes]", s3.get_object(Bucket=bucket, Key=key)["Body"])
    with tarfile.open(fileobj=stream, mode="r|gz") as archive:
        for entry in archive:
            name = entry.name.removeprefix("./")
            file = archive.extractfile(entry) if name.startswith(FOLDER) else None
            if file:
                files[name.removeprefix(FOLDER)] = file.read()
    if ANSWERS not in files:
        return None
    first: Mapping[str, Any] = json.loads(files[ANSWERS])["requests"][0]
    counts = {answer["count"] for answer in first["answers"].values()}
    return files[first["file"]], first["content_type"], counts
