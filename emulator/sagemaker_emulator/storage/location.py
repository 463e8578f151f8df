"""Where an S3 object is: its bucket and its key, and the file that holds it."""

import re
from dataclasses import dataclass
from pathlib import Path

from sagemaker_emulator.errors import JobFailed

# S3's own rule; without it a bucket named ".." would lead out of the folder of buckets.
_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# SageMaker also takes S3's address of an object: https://bucket.s3.us-east-1.amazonaws.com/key,
# s3-us-east-1.
_ADDRESS = re.compile(rf"https://({_BUCKET.pattern})\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/(.*)")


@dataclass(frozen=True)
class Location:
    """`s3://bucket/key`."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "Location":
        """Split a URI, or the address that S3 itself gives an object.

        Raises:
            JobFailed: It is not an S3 URI, its bucket's name is not valid, or it leaves the bucket.
        """
        if address := _ADDRESS.fullmatch(uri):
            uri = f"s3://{address[1]}/{address[2]}"
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise JobFailed(
                f"ClientError: {uri!r} is not an S3 URI; it must look like s3://bucket/key"
            )
        if not _BUCKET.fullmatch(bucket):
            raise JobFailed(
                f"ClientError: {uri!r}: {bucket!r} is not a bucket's name; those have 3 to 63 "
                "lower-case letters, digits, dots and hyphens"
            )
        if ".." in key.split("/"):
            raise JobFailed(f"ClientError: {uri!r}: a key with '..' in it cannot be kept here")
        return cls(bucket, key.lstrip("/"))

    def path(self, root: Path) -> Path:
        """The file or folder that holds it, below the folder of buckets; it need not exist."""
        return root / self.bucket / self.key
