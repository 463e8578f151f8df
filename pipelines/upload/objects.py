"""Objects of the target's bucket, listed, sent and deleted many at a time."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from obstore import ObjectMeta
    from obstore.store import S3Store

THREADS = 32


def open_bucket(session: "boto3.Session", settings: Settings) -> "S3Store":
    """The bucket, at the endpoint and with the credentials that boto3 would use."""
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store

    endpoint = session.client("s3").meta.endpoint_url
    return S3Store(
        settings.bucket_name,
        endpoint=endpoint,
        region=settings.region,
        virtual_hosted_style_request=False,
        client_options={"allow_http": endpoint.startswith("http://")},
        credential_provider=Boto3CredentialProvider(session),
    )


def put_files(
    store: "S3Store",
    files: Mapping[str, Path | Callable[[], bytes]],
    content_types: Mapping[str, str] | None = None,
) -> None:
    """Send files, many at a time, with a progress bar on a terminal.

    Args:
        store: The bucket.
        files: The files by key; or what makes an object's content, when it is sent.
        content_types: The content types by key, where they matter.
    """
    import obstore

    # Imported here because rich takes time to import, and most commands upload nothing.
    from rich.console import Console
    from rich.progress import Progress

    def put(key: str) -> None:
        kind = (content_types or {}).get(key)
        file = files[key]
        content = file if isinstance(file, Path) else file()
        obstore.put(store, key, content, attributes={"Content-Type": kind} if kind else None)

    console = Console(stderr=True)
    with (
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        uploads = [pool.submit(put, key) for key in files]
        shown = f"Uploading {len(files)} files"
        try:
            for upload in progress.track(as_completed(uploads), len(files), description=shown):
                upload.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def mirror_files(store: "S3Store", prefix: str, files: Mapping[str, Path]) -> int:
    """Make the objects below a prefix the same as `files`, by name, size and age.

    Args:
        store: The bucket.
        prefix: Where the objects are, with a slash at the end.
        files: The files by their key below the prefix.

    Returns:
        The number of files sent.
    """
    import obstore

    existing = {entry["path"].removeprefix(prefix): entry for entry in _list(store, prefix)}
    if obsolete := [prefix + name for name in existing if name not in files]:
        obstore.delete(store, obsolete)
    changed = {
        prefix + name: file
        for name, file in files.items()
        if name not in existing or _differs(file, existing[name])
    }
    if changed:
        put_files(store, changed)
    return len(changed)


def content_version(store: "S3Store", prefixes: Iterable[str]) -> str:
    """A hash of the names and ETags of all objects below these prefixes.

    The address of a folder stays when its files change, and SageMaker's step cache compares only
    the arguments of a job: without this, changed images would never be read again.
    """
    entries = [
        f"{entry['path']} {(entry['e_tag'] or '').strip(chr(34))}"
        for prefix in prefixes
        for entry in _list(store, prefix)
    ]
    return hashlib.sha256("\n".join(sorted(entries)).encode()).hexdigest()[:16]


def name_problem(name: str) -> str:
    """Why an object cannot have this name, or ""."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return "its name has a control character" if re.search(r"[\x00-\x1f\x7f]", name) else ""


def _list(store: "S3Store", prefix: str) -> "Iterator[ObjectMeta]":
    import obstore

    for batch in obstore.list(store, prefix=prefix):
        yield from batch


def _differs(file: Path, entry: "ObjectMeta") -> bool:
    status = file.stat()
    # S3 reports the time of an upload in whole seconds.
    uploaded_by = entry["last_modified"].timestamp() + 1
    return entry["size"] != status.st_size or uploaded_by < status.st_mtime
