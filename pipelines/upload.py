"""A local folder of bin images, or a file list, put where a job can read it: in the bucket.

Only what is missing there, or has another size, is sent.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import UserError
from pipelines.settings import NAME, Settings

if TYPE_CHECKING:
    pass

CONCURRENCY = 64
PARTS = ("bin-images", "metadata")


class UploadError(UserError):
    """A local folder or file cannot be given to the pipeline."""


def destination(settings: Settings, path: Path) -> str:
    """The s3:// address that a local folder or file is uploaded to.

    Args:
        settings: Resolved settings.
        path: A folder or a file. Two folders of one name get two addresses.
    """
    absolute = path.expanduser().resolve()
    place = hashlib.sha256(str(absolute).encode()).hexdigest()[:8]
    prefix = f"s3://{settings.bucket_name}/{NAME}/data"
    if absolute.is_file() or absolute.suffix == ".json":
        return f"{prefix}/{absolute.stem}-{place}/{absolute.name}"
    return f"{prefix}/{absolute.name}-{place}/"
