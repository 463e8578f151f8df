"""The counts that an endpoint's data capture keeps of each variant, by request.

Form of keys and lines: SageMaker developer guide, "Capture data from real-time endpoint".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

AT_A_TIME = 8  # objects that are read
HOUR = timedelta(hours=1)


def counts(
    s3: S3Client, address: str, since: datetime, until: datetime
) -> Iterator[dict[str, int]]:
    """The counts of a variant's answers hour by hour, the newest hour first.

    Args:
        s3: A boto3 S3 client.
        address: `s3://BUCKET/PREFIX/ENDPOINT/VARIANT`.
        since: The first time.
        until: The last time.

    Yields:
        The count by the request, which is named by its InferenceId, else by SageMaker's event id.
        What is no answer with a count is left out.
    """
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    pages = s3.get_paginator("list_objects_v2")
    hour = until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour > since - HOUR:
        found = pages.paginate(Bucket=bucket, Prefix=f"{prefix}/{hour:%Y/%m/%d/%H}/")
        keys = [one["Key"] for page in found for one in page.get("Contents", [])]

        def body(key: str) -> bytes:
            return s3.get_object(Bucket=bucket, Key=key)["Body"].read()

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            lines = [line for text in pool.map(body, keys) for line in text.splitlines()]
        read = (_count(line, since) for line in lines)
        yield dict(one for one in read if one)
        hour -= HOUR


def _count(line: bytes, since: datetime) -> tuple[str, int] | None:
    """The request and the count of a captured line; None where it has none, or is from before."""
    try:
        document = json.loads(line)
        output, about = document["captureData"]["endpointOutput"], document["eventMetadata"]
        data = output["data"]
        if output["encoding"] == "BASE64":
            data = base64.b64decode(data, validate=True)
        count, when = int(json.loads(data)["count"]), about["inferenceTime"]
        if datetime.fromisoformat(when.replace("Z", "+00:00")) < since.replace(microsecond=0):
            return None
        return about.get("inferenceId") or about["eventId"], count
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        return None
