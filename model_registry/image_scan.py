"""Whether ECR's scan of a version's container image allows that it serves.

ECR scans an image when it is pushed, and with enhanced scanning again whenever a vulnerability
becomes known. Findings are counted by severity (DescribeImageScanFindings).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from model_registry.errors import ImageScanError, ImageScanPendingError

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient
    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

NONE = "none"
# The severities at which a promotion stops, by the setting `images.stop_at`.
STOPS = {NONE: (), "critical": ("CRITICAL",), "high": ("CRITICAL", "HIGH")}
# A basic scan ends as COMPLETE; an enhanced one stays ACTIVE, as it goes on for ever.
SCANNED = ("COMPLETE", "ACTIVE")
WAIT = ("PENDING", "IN_PROGRESS")
IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr[.-][\w.-]+/(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def check(client: ECRClient, image: str, stop_at: str) -> None:
    """Check that an image may serve.

    Args:
        client: A boto3 ECR client.
        image: The image's URI, as the model package has it.
        stop_at: The setting `images.stop_at`: none, critical or high.

    Raises:
        ImageScanError: The scan has findings of that severity or above, failed, or cannot be read.
        ImageScanPendingError: It has not ended.
    """
    if stop_at == NONE:
        return
    counts = _severity_counts(client, image)
    found = {name: counts[name] for name in STOPS[stop_at] if counts.get(name)}
    if found:
        listed = " and ".join(f"{number} {name}" for name, number in found.items())
        raise ImageScanError(
            f"The scan of {image} has {listed} findings, and images.stop_at is {stop_at}. Renew "
            "the image (`python pipeline.py images --renew-base`, `make lock`, `images --push`, "
            "then a new execution), or accept them: images.stop_at: none, then `setup`."
        )


def _severity_counts(client: ECRClient, image: str) -> dict[str, int]:
    where = IMAGE.fullmatch(image)
    if not where:
        raise ImageScanError(
            f"{image} is not in ECR, so there is no scan to look at, and images.stop_at asks for "
            "one. Push it to ECR, or set images.stop_at: none."
        )
    wanted: ImageIdentifierTypeDef = (
        {"imageDigest": where["digest"]} if where["digest"] else {"imageTag": where["tag"]}
    )
    try:
        response = client.describe_image_scan_findings(
            registryId=where["account"], repositoryName=where["repository"], imageId=wanted
        )
    except ClientError as error:
        details = error.response["Error"]
        raise ImageScanError(
            f"ECR shows no scan of {image} ({details['Code']}: {details.get('Message', '')}). "
            "Its repository must scan on push, which `setup` switches on, and the promotion "
            "function needs ecr:DescribeImageScanFindings; or set images.stop_at: none."
        ) from None
    status = response.get("imageScanStatus", {})
    state = status.get("status", "missing")
    if state not in SCANNED:
        said = f"The scan of {image} is {state} {status.get('description', '')}".rstrip()
        if state in WAIT:
            raise ImageScanPendingError(f"{said}. Promote again when it has ended.")
        raise ImageScanError(
            f"{said}. Scan it again (`aws ecr start-image-scan`), or set images.stop_at: none."
        )
    counts = response.get("imageScanFindings", {}).get("findingSeverityCounts", {})
    return {str(severity): number for severity, number in counts.items()}
