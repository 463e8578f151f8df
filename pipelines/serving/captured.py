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
    hour = until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    day, keys = None, dict[str, list[str]]()

    def body(key: str) -> bytes:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        while hour > since - HOUR:
            # A day is one listing, so a month without answers is no matter of minutes; of all days
            # at once, a busy endpoint would have many more keys than its newest hours.
            if day != (day := hour.date()):
                keys = _keys(s3, bucket, f"{prefix}/{day:%Y/%m/%d}/")
            bodies = pool.map(body, keys.get(f"{hour:%H}", []))
            read = (_count(line, since) for text in bodies for line in text.splitlines())
            yield dict(one for one in read if one)
            hour -= HOUR


def _keys(s3: S3Client, bucket: str, day: str) -> dict[str, list[str]]:
    """The keys of a day's folder by the hour, `00` to `23`."""
    keys: dict[str, list[str]] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=day):
        for one in page.get("Contents", []):
            keys.setdefault(one["Key"].removeprefix(day).partition("/")[0], []).append(one["Key"])
    return keys


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
