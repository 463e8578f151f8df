"""Local bin images and file lists, uploaded to where a job can read them: the target's bucket.

Only files that are missing there, newer here or of another size are sent. Files deleted here are
deleted there, because a job reads everything below the address.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import NAME
from pipelines.root import ROOT
from pipelines.settings.fields import NONE, Value
from pipelines.settings.model import Settings
from pipelines.steps import counts
from pipelines.upload import audit_log, file_list, local_bins
from pipelines.upload.file_list import FileList
from pipelines.upload.local_bins import LocalBins
from pipelines.upload.objects import content_version, mirror_files, open_bucket

if TYPE_CHECKING:
    import boto3

MAX_NAME = 60  # characters; an address has two names and may have 256 characters


def destination(settings: Settings, path: Path) -> str:
    """The s3:// address that a local folder or file is uploaded to.

    Args:
        settings: Resolved settings.
        path: A folder or a file. Two folders of the same name get two addresses.
    """
    absolute = path.expanduser().resolve()
    path_hash = hashlib.sha256(str(absolute).encode()).hexdigest()[:8]
    prefix = f"s3://{settings.bucket_name}/{NAME}/data"
    if absolute.is_file() or absolute.suffix == ".json":
        return f"{prefix}/{_plain(absolute.stem)}-{path_hash}/{_plain(absolute.name)}"
    return f"{prefix}/{_plain(absolute.name)}-{path_hash}/"


def _plain(name: str) -> str:
    """A name as a pipeline parameter may contain it; its end is kept, for `.json`."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[-MAX_NAME:]


def upload_local(
    session: "boto3.Session",
    settings: Settings,
    values: Mapping[str, Value],
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, Value]:
    """Upload the local paths that DataSource, FurtherSource, AuditSource and FileList name.

    The settings' own are uploaded as well, when they are local and no others are given. All are
    looked at before anything is sent.

    Args:
        session: The target's session.
        settings: Resolved settings.
        values: Parameter values, as `parameters.parse` returns them.
        report: Called with a line about each upload.

    Returns:
        The values, with s3:// addresses instead of local paths, the DataVersion of what was
        uploaded, and the AuditVersion of the audits.

    Raises:
        UploadError: A folder or file is missing, not what the pipeline can read, or has no bin of
            some class.
    """
    sources = {
        name: local_bins.look(path, name, settings)
        for name, setting in (
            ("DataSource", settings.data.source),
            ("FurtherSource", settings.data.further),
        )
        if (path := _local(values, name, setting))
    }
    audit_folder = _local(values, "AuditSource", settings.data.audits)
    entries = None if audit_folder is None else audit_log.look(audit_folder)
    file = _local(values, "FileList", settings.data.file_list)
    listing = None if file is None else file_list.read(file)
    in_s3 = "://" in str(values.get("FileList", settings.data.file_list))
    if "DataSource" in sources and not in_s3:
        classes = counts.Classes.parse(str(values.get("Classes", settings.data.classes)))
        local_bins.require_usable(sources["DataSource"], classes, listing)
    changed: dict[str, Value] = {
        name: upload_folder(session, settings, found, report) for name, found in sources.items()
    }
    if listing:
        changed["FileList"] = upload_file_list(session, settings, listing, report)
    if changed and "DataVersion" not in values:
        prefixes = [_key(str(address)) for address in changed.values()]
        changed["DataVersion"] = content_version(open_bucket(session, settings), prefixes)
    audit_source = str(values.get("AuditSource", settings.data.audits))
    if audit_folder is not None and entries is not None:
        audit_source = _upload_audits(session, settings, audit_folder, entries, report)
        changed["AuditSource"] = audit_source
    if audit_source not in ("", NONE) and "AuditVersion" not in values:
        changed["AuditVersion"] = audit_log.version(session, audit_source)
    return {**values, **changed}


def _local(values: Mapping[str, Value], name: str, setting: str) -> Path | None:
    """The local path that a parameter or else its setting names; None if it is none."""
    path = str(values.get(name, setting))
    if path in ("", NONE) or "://" in path:
        return None
    return (Path(path) if name in values else ROOT / path).expanduser()


def upload_folder(
    session: "boto3.Session",
    settings: Settings,
    found: LocalBins,
    report: Callable[[str], None] = lambda text: None,
) -> str:
    """Upload the bins of a folder and return their address."""
    address = destination(settings, found.folder)
    files = {name: found.folder / name for name in found.bins.names}
    sent = mirror_files(open_bucket(session, settings), _key(address), files)
    if sent:
        report(f"Uploaded {sent} of {len(files)} files of {found.folder} to {address}")
    return address


def _upload_audits(
    session: "boto3.Session",
    settings: Settings,
    folder: Path,
    entries: Mapping[str, Path],
    report: Callable[[str], None],
) -> str:
    """Upload the audits of a folder and return their address."""
    address = destination(settings, folder)
    if sent := mirror_files(open_bucket(session, settings), _key(address), entries):
        report(f"Uploaded {sent} of {len(entries)} audits of {folder} to {address}")
    return address


def upload_file_list(
    session: "boto3.Session",
    settings: Settings,
    listing: FileList,
    report: Callable[[str], None] = lambda text: None,
) -> str:
    """Upload a file_list.json and return its address."""
    address = destination(settings, listing.path)
    prefix, _, name = _key(address).rpartition("/")
    if mirror_files(open_bucket(session, settings), f"{prefix}/", {name: listing.path}):
        report(f"Uploaded {listing.path} to {address}")
    return address


def _key(address: str) -> str:
    """The key or prefix in an s3:// address."""
    return address.split("/", 3)[3]
