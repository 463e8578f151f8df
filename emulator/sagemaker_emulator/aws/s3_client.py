"""S3's own server, called as any client calls it, with signed requests."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_READ_SECONDS = 60


@functools.lru_cache(4)
def client(context: Context) -> S3Client:
    """The boto3 client of a server; threads share it."""
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id=context.credentials.access_key_id,
        aws_secret_access_key=context.credentials.secret_access_key,
        region_name=context.region,
    )
    return session.client(
        "s3",
        endpoint_url=context.s3_url,
        config=Config(
            s3={"addressing_style": "path"},
            max_pool_connections=40,
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": 2},
        ),
    )


def etag(context: Context, bucket: str, key: str) -> str:
    """The ETag of an object without its quotes; "" where there is no such object.

    Raises:
        BotoCoreError: S3 does not respond.
    """
    from botocore.exceptions import ClientError

    try:
        return client(context).head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
    except ClientError:
        return ""
