"""Whether a version's model.tar.gz is still the one that was registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from model_registry.errors import ModelDataError
from model_registry.versions import ModelVersion

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def check(client: S3Client, version: ModelVersion) -> None:
    """Compare the object with the ETag that SageMaker kept when the version was registered.

    A version without one (SageMaker keeps none for a folder) is not checked.

    Raises:
        ModelDataError: The object is another one now, or gone.
    """
    if not version.data_etag or not version.data_url.startswith("s3://"):
        return
    bucket, _, key = version.data_url.removeprefix("s3://").partition("/")
    try:
        now = client.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NotFound"):
            raise
        raise ModelDataError(
            f"The model data of version {version.version}, {version.data_url}, has been deleted, "
            "so it cannot be served. Serve another version: `python pipeline.py models` lists them."
        ) from None
    if now != version.data_etag:
        raise ModelDataError(
            f"The model data of version {version.version}, {version.data_url}, was overwritten "
            f"after it was registered (ETag {now}, registered as {version.data_etag}). What was "
            "evaluated and approved is no longer there, so it is not served. Serve another version "
            "(`python pipeline.py models` lists them), or train and register again."
        )
