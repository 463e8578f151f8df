"""What a container wrote, on its way to S3."""

import os
import shutil
import stat
from pathlib import Path

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import archive
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.storage import s3_files


def upload(job: Job, path: str, uri: str) -> None:
    """Move the files of a folder under /opt/ml to a prefix.

    Raises:
        JobFailed: There is no such folder or bucket, or a key cannot be written.
    """
    folder = _files_only(job, path)
    s3_files.upload(job.s3, folder, uri)


def upload_archive(job: Job, path: str, name: str, uri: str) -> str:
    """Upload the content of a folder under /opt/ml as a .tar.gz, and return its URI.

    Raises:
        JobFailed: There is no such folder or bucket, or the key cannot be written.
    """
    packed = job.folder / "packed" / path / name
    archive.pack(_files_only(job, path), packed)
    s3_files.upload(job.s3, packed.parent, uri)
    return f"{uri}/{name}"


def _files_only(job: Job, path: str) -> Path:
    """A folder under /opt/ml that holds nothing but files and folders, all of them the job's own.

    FIFOs, sockets and devices are deleted and named in the log: whoever opens one waits. Where the
    script put a link in the folder's place, what it leads to is copied, as it is not the job's.

    Raises:
        JobFailed: The script put something else in the folder's place.
    """
    folder = job.local(path)
    if not folder.is_dir():
        raise JobFailed(f"ClientError: {path} cannot be uploaded: it is no folder any more.")
    if not folder.resolve().is_relative_to(job.folder.resolve()):
        own = job.folder / "linked" / path.strip("/")
        shutil.copytree(folder, own, symlinks=True, ignore=_special)
        return own
    _open_to_owner(folder)
    for parent, folders, names in os.walk(folder):
        special = _special(parent, names)
        for name in special:
            Path(parent, name).unlink()
            job.log([f"{Path(parent, name).relative_to(job.ml)} is no file and is not uploaded."])
        for name in {*folders, *names}.difference(special):
            _open_to_owner(Path(parent, name))
    return folder


def _open_to_owner(path: Path) -> None:
    """Let the job's user read a file or folder of the job: modes are nothing that S3 keeps."""
    status = path.lstat()
    needed = stat.S_IRWXU if stat.S_ISDIR(status.st_mode) else stat.S_IRUSR
    if not stat.S_ISLNK(status.st_mode) and status.st_mode & needed != needed:
        path.chmod(stat.S_IMODE(status.st_mode) | needed)


def _special(parent: str, names: list[str]) -> list[str]:
    """Which names of a folder are FIFOs, sockets or devices, or links to those."""
    return [name for name in names if _is_special(Path(parent, name))]


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:  # a link to nothing
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
