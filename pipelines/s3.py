"""Read an object by its S3 address."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def read_object(s3: S3Client, url: str) -> bytes | None:
    """The object's content; None if there is no such object, or the address is ""."""
    if not url:
        return None
    address = urlsplit(url)
    try:
        response = s3.get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket", "404"):
            return None
        raise
    return response["Body"].read()
