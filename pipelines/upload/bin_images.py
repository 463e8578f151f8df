"""Local bin images and file lists, uploaded to where a job can read them: the target's bucket.

Only files that are missing there, newer here or of another size are sent. Files deleted here are
deleted there, because a job reads everything below the address.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import NAME
from pipelines.errors import UserError
from pipelines.root import ROOT
from pipelines.settings.fields import Value
from pipelines.settings.model import NONE, Settings
from pipelines.upload.objects import content_version, mirror_files, name_problem, open_bucket

if TYPE_CHECKING:
    import boto3

MAX_LISTED = 5  # files in one message
MAX_NAME = 60  # characters; an address has two names and may have 256 characters
LAYOUT = {"bin-images": ".jpg", "metadata": ".json"}


class UploadError(UserError):
    """A local folder or file cannot be given to the pipeline."""


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
    """Upload the local folder or file that DataSource or FileList names.

    The settings' own data source and file list are uploaded as well, when they are local and no
    others are given.

    Args:
        session: The target's session.
        settings: Resolved settings.
        values: Parameter values, as `parameters.parse` returns them.
        report: Called with a line about each upload.

    Returns:
        The values, with s3:// addresses instead of local paths, and the DataVersion of what was
        uploaded.

    Raises:
        UploadError: A folder or file is missing, or not what the pipeline can read.
    """
    changed: dict[str, Value] = {}
    source = str(values.get("DataSource", settings.data.source))
    if "://" not in source:
        folder = Path(source) if "DataSource" in values else ROOT / source
        changed["DataSource"] = upload_folder(session, settings, folder, report)
    file_list = str(values.get("FileList", settings.data.file_list))
    if file_list not in ("", NONE) and "://" not in file_list:
        file = Path(file_list) if "FileList" in values else ROOT / file_list
        changed["FileList"] = upload_file_list(session, settings, file, report)
    if changed and "DataVersion" not in values:
        prefixes = [_key(str(address)) for address in changed.values()]
        changed["DataVersion"] = content_version(open_bucket(session, settings), prefixes)
    return {**values, **changed}


def upload_folder(
    session: "boto3.Session",
    settings: Settings,
    folder: Path,
    report: Callable[[str], None] = lambda text: None,
) -> str:
    """Upload a folder laid out like ABID and return its address.

    Raises:
        UploadError: The folder is missing, is not laid out like ABID, or has unreadable files.
    """
    folder = folder.expanduser()
    _check_layout(folder, settings)
    files = {
        f"{part}/{file.name}": file
        for part, suffix in LAYOUT.items()
        for file in sorted((folder / part).iterdir())
        if file.suffix == suffix
    }
    _check_files(folder, files)
    address = destination(settings, folder)
    sent = mirror_files(open_bucket(session, settings), _key(address), files)
    if sent:
        report(f"Uploaded {sent} of {len(files)} files of {folder} to {address}")
    return address


def upload_file_list(
    session: "boto3.Session",
    settings: Settings,
    file: Path,
    report: Callable[[str], None] = lambda text: None,
) -> str:
    """Upload a file_list.json and return its address.

    Raises:
        UploadError: The file is missing, or is not JSON that maps classes to paths.
    """
    file = file.expanduser()
    if not file.is_file():
        raise UploadError(f"FileList: there is no file {file}.")
    try:
        listing = json.loads(file.read_text())
    except ValueError as error:
        raise UploadError(f"FileList: {file} is not JSON: {error}.") from None
    if not isinstance(listing, dict) or not all(isinstance(v, list) for v in listing.values()):
        raise UploadError(
            f'FileList: {file} must map each class to metadata paths: {{"1": ["data/metadata/00002'
            '.json", ...], ...}.'
        )
    address = destination(settings, file)
    prefix, _, name = _key(address).rpartition("/")
    if mirror_files(open_bucket(session, settings), f"{prefix}/", {name: file}):
        report(f"Uploaded {file} to {address}")
    return address


def _key(address: str) -> str:
    """The key or prefix in an s3:// address."""
    return address.split("/", 3)[3]


def _check_layout(folder: Path, settings: Settings) -> None:
    required = "It must have bin-images/NNNNN.jpg and metadata/NNNNN.json, as ABID has."
    if not folder.is_dir():
        hint = ""
        if folder.resolve() == (ROOT / settings.data.source).resolve():
            hint = (
                f"\nDraw some bins: python -m demo.bins --output {settings.data.source}\n"
                "or use your own: -p DataSource=FOLDER or -p DataSource=s3://BUCKET/PREFIX"
            )
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UploadError(f"DataSource: {folder} {problem}. {required}{hint}")
    missing = [
        f"{part}/*{suffix}"
        for part, suffix in LAYOUT.items()
        if not any((folder / part).glob(f"*{suffix}"))
    ]
    if missing:
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
        contents = ", ".join(entries[:5]) + f" and {len(entries) - 5} more" * (len(entries) > 5)
        inside = [e for e in folder.iterdir() if all((e / part).is_dir() for part in LAYOUT)]
        hint = f" Did you mean {inside[0]}?" if inside else ""
        raise UploadError(
            f"DataSource: {folder} has no {' and no '.join(missing)}. {required} "
            f"It has: {contents or 'nothing'}.{hint}"
        )


def _check_files(folder: Path, files: Mapping[str, Path]) -> None:
    """Refuse unreadable files before anything is sent: reading a pipe would never end."""
    problems = {name: problem for name, file in files.items() if (problem := _file_problem(file))}
    if problems:
        lines = [f"DataSource: {folder} has files that cannot be uploaded; fix or move them:"]
        for name, problem in list(problems.items())[:MAX_LISTED]:
            lines.append(f"  {name.encode(errors='replace').decode()}: {problem}")
        if len(problems) > MAX_LISTED:
            lines.append(f"  and {len(problems) - MAX_LISTED} more")
        raise UploadError("\n".join(lines))


def _file_problem(file: Path) -> str:
    """Why a file cannot be sent, or ""."""
    if not file.is_file():
        if file.is_symlink() and not file.exists():
            return "a link to nothing"
        return "a folder" if file.is_dir() else "not a regular file"
    return name_problem(file.name) if os.access(file, os.R_OK) else "not readable"
