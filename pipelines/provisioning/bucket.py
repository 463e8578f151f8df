"""The bucket that holds code, data and models, made as `infrastructure/tally.yaml` makes it."""

import json
from typing import TYPE_CHECKING, Any

from pipelines import NAME
from pipelines.provisioning.item import Item, SetupError, error_code
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

PUBLIC_ACCESS = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
EXPIRY: list[dict[str, Any]] = [
    # tally/executions/ is never expired: registered models lie there.
    {
        "ID": "checkpoints",
        "Status": "Enabled",
        "Filter": {"Prefix": f"{NAME}/checkpoints/"},
        "Expiration": {"Days": 30},
    },
    {
        "ID": "interrupted-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
]


def bucket(session: "boto3.Session", settings: Settings) -> Item:
    """The bucket: one that is there stays as it is, a new one is protected.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        SetupError: The bucket is somebody else's.
    """
    s3, name = session.client("s3"), settings.bucket_name
    code = error_code(lambda: s3.head_bucket(Bucket=name))
    if code == "403":
        raise SetupError(
            f"The bucket {name} exists, but these credentials may not use it: it is somebody "
            "else's, or s3:ListBucket is missing. Another name: `bucket` in the settings."
        )
    if code is None:
        return Item("bucket", name, "found")
    # us-east-1 is the one region that must not be named.
    place: dict[str, Any] = (
        {}
        if settings.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": settings.region}}
    )
    s3.create_bucket(Bucket=name, **place)
    if settings.target != "local":  # the emulator's objects are files that nobody else sees
        try:
            _protect(s3, name)
        except Exception:
            s3.delete_bucket(Bucket=name)  # else the next setup finds it, and leaves it so
            raise
    return Item("bucket", name, "made")


def policy(name: str) -> dict[str, Any]:
    """Who may not use the bucket: nobody without TLS."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyEncryptedTransport",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def _protect(s3: Any, name: str) -> None:
    """What S3 does not do by itself; it encrypts every new object (SSE-S3)."""
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=PUBLIC_ACCESS)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy(name)))
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": EXPIRY})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "project", "Value": NAME}]})
