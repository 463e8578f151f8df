"""Files in S3, at addresses that their content determines.

So an unchanged step keeps its arguments, SageMaker's step cache knows it, and what is there already
is not sent again.
"""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Files = Mapping[str, Path]  # by the name that they get below their address


def files(folder: Path) -> Files:
    """All files of a folder but hidden and compiled ones, by their path in it."""
    found = {}
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if file.is_file() and not hidden:
            found["/".join(parts)] = file
    return found


def content_hash(files: Files) -> str:
    """The first sixteen digits of a hash of names and contents."""
    digest = hashlib.sha256()
    for name, file in files.items():
        with file.open("rb") as stream:
            digest.update(f"{name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def address(bucket: str, kind: str, files: Files) -> str:
    """Where files of a kind (`code`, `data`) belong, with a slash at the end."""
    return f"s3://{bucket}/{kind}/{content_hash(files)}/"


def send(s3: Any, uri: str, files: Files) -> int:
    """Upload the files that are not at their address yet; return how many."""
    bucket, prefix = uri.removeprefix("s3://").split("/", 1)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    there = {entry["Key"] for page in pages for entry in page.get("Contents", [])}
    missing = {prefix + name: file for name, file in files.items() if prefix + name not in there}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: s3.upload_file(str(missing[key]), bucket, key), missing))
    return len(missing)
