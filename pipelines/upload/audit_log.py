"""The log of audits that Prepare reads: a local copy of it, uploaded, and the version of a prefix.

The address of the log stays when audits are added, and SageMaker's step cache compares only the
arguments of a job: without a version, new audits would never be read.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipelines.steps import audits, bin_files
from pipelines.upload import local_bins
from pipelines.upload.errors import UploadError

if TYPE_CHECKING:
    import boto3

FORM = "Audits are .json files, as the desk writes them: 2026-11-30/ID.json."


def look(folder: Path) -> dict[str, Path]:
    """Find the entries of a local folder, and read them as Prepare will.

    Returns:
        The files by their name below the folder.

    Raises:
        UploadError: There is no such folder, no entry in it, or too many that cannot be read.
    """
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UploadError(f"AuditSource: {folder} {problem}. {FORM}")
    files = {name: folder / name for name in local_bins.names(folder) if audits.is_entry(name)}
    if not files:
        raise UploadError(f"AuditSource: {folder} has no audits. {FORM}")
    unreadable = {}
    for name, file in files.items():
        try:
            audits.read(file.read_bytes())
        except (audits.AuditError, OSError) as error:
            unreadable[name] = str(error)
    if len(unreadable) > bin_files.MOST_UNUSABLE * len(files):
        name, problem = next(iter(unreadable.items()))
        raise UploadError(
            f"AuditSource: {len(unreadable)} of the {len(files)} audits in {folder} cannot be "
            f"read, and at most {bin_files.MOST_UNUSABLE:.0%} may be unreadable. The first, "
            f"{name}: {problem}."
        )
    return files


def version(session: boto3.Session, address: str) -> str:
    """A hash of the names and ETags of the entries below an s3:// prefix.

    Raises:
        UploadError: The prefix cannot be listed, or has no entry.
    """
    from botocore.exceptions import ClientError

    url = urlsplit(address)
    folder = url.path.strip("/")
    pages = session.client("s3").get_paginator("list_objects_v2")
    try:
        entries = [
            f"{one['Key']} {one['ETag']}"
            for page in pages.paginate(Bucket=url.netloc, Prefix=f"{folder}/" if folder else "")
            for one in page.get("Contents", ())
            if audits.is_entry(one["Key"].removeprefix(f"{folder}/"))
        ]
    except ClientError as error:
        raise UploadError(
            f"AuditSource: {address} cannot be listed ({error.response['Error']['Code']}). Check "
            "the address. To start without a look at it, set AuditVersion to a new label."
        ) from None
    if not entries:
        raise UploadError(f"AuditSource: {address} has no audits. {FORM}")
    return hashlib.sha256("\n".join(sorted(entries)).encode()).hexdigest()[:16]
