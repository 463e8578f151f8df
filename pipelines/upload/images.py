"""A local folder of bin images, or a file list, put where a job can read it: in the bucket.

Only what is missing there, has another size or is newer here is sent; what is gone here is deleted
there, because a job reads everything below the address.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UserError
from pipelines.root import ROOT
from pipelines.settings.model import NAME, NONE, Settings

if TYPE_CHECKING:
    import boto3

THREADS = 32
SHOWN = 5  # files that a message names
MOST_OF_A_NAME = 60  # characters; twice in an address, which may have 256
LAYOUT = {"bin-images": ".jpg", "metadata": ".json"}


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
        return f"{prefix}/{_plain(absolute.stem)}-{place}/{_plain(absolute.name)}"
    return f"{prefix}/{_plain(absolute.name)}-{place}/"


def _plain(name: str) -> str:
    """A name as a parameter may hold it (`pipelines.parameters`); its end stays, for `.json`."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[-MOST_OF_A_NAME:]


def place(
    session: "boto3.Session",
    settings: Settings,
    values: Mapping[str, str | int | float],
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, str | int | float]:
    """Upload what is local among the values of DataSource and FileList.

    The settings' own data source is uploaded too when it is a folder and no other is given.

    Args:
        session: The target's session.
        settings: Resolved settings.
        values: What `parameters.parse` answered.
        say: Called with a line about each thing that is uploaded.

    Returns:
        The values, with s3:// addresses instead of local paths, and the DataVersion of what was
        uploaded.

    Raises:
        UploadError: A folder or file is missing, or not what the pipeline can read.
    """
    placed, uploaded = dict(values), list[str]()
    source = str(values.get("DataSource", ROOT / settings.data.source))
    if "DataSource" not in values and "://" in settings.data.source:
        source = settings.data.source
    if "://" not in source:
        placed["DataSource"] = upload_folder(session, settings, Path(source), say)
        uploaded.append(str(placed["DataSource"]))
    file_list = str(values.get("FileList", settings.data.file_list))
    if file_list not in ("", NONE) and "://" not in file_list:
        path = Path(file_list) if "FileList" in values else ROOT / file_list
        placed["FileList"] = upload_file_list(session, settings, path, say)
        uploaded.append(str(placed["FileList"]))
    if uploaded and "DataVersion" not in values:
        placed["DataVersion"] = version_of(session, settings, uploaded)
    return placed


def version_of(session: "boto3.Session", settings: Settings, addresses: Iterable[str]) -> str:
    """A hash of the names and ETags of all objects at these addresses of the bucket.

    The address of a folder stays when its files change, and SageMaker's step cache looks only at
    the arguments of a job: without this, changed images would never be learnt from.
    """
    import obstore

    store, found = store_of(session, settings), []
    for address in addresses:
        prefix = address.split("/", 3)[3]
        for batch in obstore.list(store, prefix=prefix):
            found += [f"{entry['path']} {(entry['e_tag'] or '').strip(chr(34))}" for entry in batch]
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()[:16]


def upload_folder(
    session: "boto3.Session",
    settings: Settings,
    folder: Path,
    say: Callable[[str], None] = lambda text: None,
) -> str:
    """Upload a folder laid out like ABID; answers its address.

    Raises:
        UploadError: The folder is missing, not laid out like ABID, or holds what cannot be sent.
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
    sent = _send(session, settings, address.split("/", 3)[3], files)
    if sent:
        say(f"Uploaded {sent} of {len(files)} files of {folder} to {address}")
    return address


def upload_file_list(
    session: "boto3.Session",
    settings: Settings,
    file: Path,
    say: Callable[[str], None] = lambda text: None,
) -> str:
    """Upload a file_list.json; answers its address.

    Raises:
        UploadError: The file is missing, or not JSON of the form class -> paths.
    """
    file = file.expanduser()
    if not file.is_file():
        raise UploadError(f"FileList: there is no file {file}.")
    try:
        listed = json.loads(file.read_text())
    except ValueError as error:
        raise UploadError(f"FileList: {file} is not JSON: {error}.") from None
    if not isinstance(listed, dict) or not all(isinstance(v, list) for v in listed.values()):
        raise UploadError(
            f'FileList: {file} must map each class to metadata paths: {{"1": ["data/metadata/00002'
            '.json", ...], ...}.'
        )
    address = destination(settings, file)
    prefix, name = address.split("/", 3)[3].rsplit("/", 1)
    if _send(session, settings, f"{prefix}/", {name: file}):
        say(f"Uploaded {file} to {address}")
    return address


def _check_layout(folder: Path, settings: Settings) -> None:
    wanted = "It must hold bin-images/NNNNN.jpg and metadata/NNNNN.json, as ABID does."
    if not folder.is_dir():
        hint = ""
        if folder.resolve() == (ROOT / settings.data.source).resolve():
            hint = (
                f"\nDraw some bins: python -m demo.bins --output {settings.data.source}\n"
                "or give your own: -p DataSource=FOLDER or -p DataSource=s3://BUCKET/PREFIX"
            )
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UploadError(f"DataSource: {folder} {what}. {wanted}{hint}")
    missing = [
        part
        for part, suffix in LAYOUT.items()
        if not (folder / part).is_dir() or not any((folder / part).glob(f"*{suffix}"))
    ]
    if missing:
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
        found = ", ".join(entries[:5]) + (f" and {len(entries) - 5} more" * (len(entries) > 5))
        inside = [e for e in folder.iterdir() if all((e / part).is_dir() for part in LAYOUT)]
        hint = f" Did you mean {inside[0]}?" if inside else ""
        raise UploadError(
            f"DataSource: {folder} has nothing in {' and '.join(missing)}. {wanted} "
            f"Found there: {found or 'nothing'}.{hint}"
        )


def _check_files(folder: Path, files: Mapping[str, Path]) -> None:
    """Before anything is sent: a pipe would be waited for without end."""
    flaws = {name: flaw for name, file in files.items() if (flaw := _flaw(file))}
    if flaws:
        listed = "".join(
            f"\n  {name.encode(errors='replace').decode()}: {flaw}"
            for name, flaw in list(flaws.items())[:SHOWN]
        )
        more = f"\n  and {len(flaws) - SHOWN} more" * (len(flaws) > SHOWN)
        raise UploadError(
            f"DataSource: {folder} holds what cannot be uploaded; mend or move it:{listed}{more}"
        )


def _flaw(file: Path) -> str:
    """Why a file cannot be sent, or ""."""
    if not file.is_file():
        if file.is_symlink() and not file.exists():
            return "a link to nothing"
        return "a folder" if file.is_dir() else "no regular file"
    if not os.access(file, os.R_OK):
        return "may not be read"
    return flaw_of_name(file.name)


def flaw_of_name(name: str) -> str:
    """Why no object can have this name, or ""."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return "its name holds a control character" if re.search(r"[\x00-\x1f\x7f]", name) else ""


def _send(
    session: "boto3.Session", settings: Settings, prefix: str, files: Mapping[str, Path]
) -> int:
    """Make the objects below `prefix` the same as `files`, by name, size and age.

    Returns:
        How many files were sent.
    """
    import obstore

    store = store_of(session, settings)
    there = {
        entry["path"].removeprefix(prefix): entry
        for batch in obstore.list(store, prefix=prefix)
        for entry in batch
    }
    gone = [prefix + name for name in there if name not in files]
    if gone:
        obstore.delete(store, gone)
    stale = [name for name, file in files.items() if _differs(file, there.get(name))]
    if not stale:
        return 0
    put_all(store, {prefix + name: files[name] for name in stale})
    return len(stale)


def put_all(store: Any, files: Mapping[str, Path], kinds: Mapping[str, str] | None = None) -> None:
    """Send files, many at once, with a bar on a terminal.

    Args:
        store: What `store_of` answered.
        files: The files by their keys.
        kinds: The content types by keys, where they matter.
    """
    import obstore

    # Here, not at the top: rich takes time to import, and most verbs upload nothing.
    from rich.console import Console
    from rich.progress import Progress

    def put(key: str) -> None:
        kind = (kinds or {}).get(key)
        obstore.put(store, key, files[key], attributes={"Content-Type": kind} if kind else None)

    err = Console(stderr=True)
    with (
        Progress(console=err, transient=True, disable=not err.is_terminal) as progress,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        task = progress.add_task(f"Uploading {len(files)} files", total=len(files))
        sent = [pool.submit(put, key) for key in files]
        try:
            for done in as_completed(sent):
                done.result()
                progress.advance(task)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _differs(file: Path, entry: Any) -> bool:
    if entry is None:
        return True
    status = file.stat()
    # S3 tells the time of an upload in whole seconds.
    uploaded_by = entry["last_modified"].timestamp() + 1
    return bool(entry["size"] != status.st_size or uploaded_by < status.st_mtime)


def store_of(session: "boto3.Session", settings: Settings) -> Any:
    """The bucket, at the endpoint and with the credentials that boto3 would use."""
    from obstore.store import S3Store

    endpoint = session.client("s3").meta.endpoint_url
    credentials = session.get_credentials().get_frozen_credentials()
    token = {"token": credentials.token} if credentials.token else {}
    return S3Store(
        settings.bucket_name,
        endpoint=endpoint,
        region=settings.region,
        access_key_id=credentials.access_key,
        secret_access_key=credentials.secret_key,
        virtual_hosted_style_request=False,
        client_options={"allow_http": endpoint.startswith("http://")},
        **token,
    )
