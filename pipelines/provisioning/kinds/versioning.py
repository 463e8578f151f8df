"""Whether a bucket that existed before keeps former versions of its objects."""

from typing import TYPE_CHECKING

from pipelines.settings.model import Settings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# What protects registered models from a job that overwrites them.
VERSIONING = (
    "{}, so a model that a job overwrites or deletes is lost; promotion then refuses its version. "
    "To keep former versions: aws s3api put-bucket-versioning --bucket {} "
    "--versioning-configuration Status=Enabled. They are stored, and paid for, until a lifecycle "
    "rule of the bucket expires them (NoncurrentVersionExpiration)."
)


def note(s3: "S3Client", settings: Settings, name: str) -> str:
    """What to do about a bucket that keeps no former versions; empty where it keeps them.

    It is the owner's decision, as former versions cost what they weigh: `setup` changes nothing.

    Args:
        s3: A boto3 S3 client.
        settings: Resolved settings.
        name: The bucket, which exists.
    """
    from botocore.exceptions import ClientError

    if settings.target == "local":  # the emulator's models are files of whoever runs it
        return ""
    try:
        status = s3.get_bucket_versioning(Bucket=name).get("Status", "never enabled")
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return (
            f"Whether the bucket {name} keeps former versions is not known: "
            "s3:GetBucketVersioning is missing."
        )
    if status == "Enabled":
        return ""
    return VERSIONING.format(f"The bucket has no versioning ({status.lower()})", name)
