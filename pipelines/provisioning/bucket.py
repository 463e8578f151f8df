"""The bucket that holds code, data and models, created as the template describes it."""

import json
from typing import TYPE_CHECKING, Any

from pipelines.provisioning import template
from pipelines.provisioning.item import Item, SetupError, error_code
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import LifecycleRuleTypeDef


def bucket(session: "boto3.Session", settings: Settings) -> Item:
    """Create and protect the bucket; an existing one stays as it is.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        SetupError: The bucket belongs to somebody else.
    """
    s3, name = session.client("s3"), settings.bucket_name
    code = error_code(lambda: s3.head_bucket(Bucket=name))
    if code == "403":
        raise SetupError(
            f"The bucket {name} exists, but these credentials may not use it: it belongs to "
            "somebody else, or s3:ListBucket is missing. To use another one, set `bucket`."
        )
    if code is None:
        return Item("bucket", name, "exists")
    if settings.region == "us-east-1":  # the one region that must not be named
        s3.create_bucket(Bucket=name)
    else:
        location: Any = {"LocationConstraint": settings.region}
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=location)
    if settings.target != "local":  # the emulator's objects are files that nobody else sees
        try:
            _protect(s3, settings)
        except Exception:
            s3.delete_bucket(Bucket=name)  # or the next setup would find it, and leave it as it is
            raise
    return Item("bucket", name, "created")


def _protect(s3: "S3Client", settings: Settings) -> None:
    """Set what S3 does not set by itself; it encrypts every new object (SSE-S3)."""
    name, wanted = settings.bucket_name, template.properties("Bucket", settings)
    s3.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration=wanted["PublicAccessBlockConfiguration"]
    )
    policy = template.properties("BucketPolicy", settings)["PolicyDocument"]
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    rules = [_lifecycle_rule(rule) for rule in wanted["LifecycleConfiguration"]["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": wanted["Tags"]})


def _lifecycle_rule(rule: template.Document) -> "LifecycleRuleTypeDef":
    """A rule in the form of S3's API, which names the same members differently."""
    converted: LifecycleRuleTypeDef = {
        "ID": rule["Id"],
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
    }
    if "ExpirationInDays" in rule:
        converted["Expiration"] = {"Days": rule["ExpirationInDays"]}
    if "AbortIncompleteMultipartUpload" in rule:
        converted["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return converted
