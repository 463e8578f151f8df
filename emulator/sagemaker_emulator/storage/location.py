"""Where an S3 object is: its bucket and its key, and the file that holds it."""

import re
from dataclasses import dataclass
from pathlib import Path

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.storage import object_files
from sagemaker_emulator.storage.object_files import BUCKET_NAME, KeyRefused

# SageMaker also takes S3's address of an object: https://bucket.s3.us-east-1.amazonaws.com/key,
# s3-us-east-1.
_ADDRESS = re.compile(
    rf"https://({BUCKET_NAME.pattern})\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/(.*)"
)


@dataclass(frozen=True)
class Location:
    """`s3://bucket/key`."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "Location":
        """Split a URI, or the address that S3 itself gives an object.

        Raises:
            JobFailed: It is not an S3 URI, its bucket's name is not valid, or no object can have
                its key here.
        """
        if address := _ADDRESS.fullmatch(uri):
            uri = f"s3://{address[1]}/{address[2]}"
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise JobFailed(
                f"ClientError: {uri!r} is not an S3 URI; it must look like s3://bucket/key"
            )
        if not BUCKET_NAME.fullmatch(bucket):
            raise JobFailed(
                f"ClientError: {uri!r}: {bucket!r} is not a bucket's name; those have 3 to 63 "
                "lower-case letters, digits, dots and hyphens"
            )
        try:
            object_files.check_key(key)
        except KeyRefused as problem:
            raise JobFailed(f"ClientError: {uri!r}: {problem}") from None
        return cls(bucket, key)

    def file(self, root: Path) -> Path | None:
        """The file that holds the object, below the folder of buckets, or None without one.

        Raises:
            JobFailed: A symbolic link leads out of the bucket.
        """
        try:
            file = object_files.file_of(root / self.bucket, self.key)
        except KeyRefused as problem:
            raise JobFailed(f"ClientError: s3://{self.bucket}/{self.key}: {problem}") from None
        return file if file.is_file() else None
