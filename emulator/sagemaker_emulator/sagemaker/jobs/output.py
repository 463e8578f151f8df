"""What a container wrote, on its way to S3."""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import archive
from sagemaker_emulator.sagemaker.jobs.instance import Instance
from sagemaker_emulator.storage import s3_files


def upload(instances: Sequence[Instance], path: str, uri: str) -> None:
    """Move the files of a folder under /opt/ml of each instance to one prefix.

    Of files of the same name that of the first instance is kept; on AWS it is any instance's.

    Raises:
        JobFailed: There is no such folder or bucket, or a key cannot be written.
    """
    for instance in reversed(instances):
        s3_files.upload(instance.s3, _files_only(instance, path), uri)


def upload_archive(instances: Sequence[Instance], path: str, name: str, uri: str) -> str:
    """Upload the content of a folder under /opt/ml as a .tar.gz, and return its URI.

    What the instances wrote becomes one archive, as on AWS (SageMaker developer guide, "How Amazon
    SageMaker AI Processes Training Output": "SageMaker AI aggregates the result in a TAR file").

    Raises:
        JobFailed: There is no such folder or bucket, or the key cannot be written.
    """
    first, *others = instances
    folder = _files_only(first, path)
    for other in others:
        _gather(_files_only(other, path), folder, other)
    packed = first.folder / "packed" / path / name
    archive.pack(folder, packed)
    s3_files.upload(first.s3, packed.parent, uri)
    return f"{uri}/{name}"


def _gather(source: Path, folder: Path, instance: Instance) -> None:
    """Move an instance's files into the folder of the first; a name that is taken is logged."""
    root = folder.resolve()
    for parent, folders, names in os.walk(source):
        place = folder / Path(parent).relative_to(source)
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in [*names, *links]:
            try:
                # Not through a link of the first instance's, which may lead out of the job.
                if not place.resolve().is_relative_to(root):
                    raise FileExistsError
                place.mkdir(parents=True, exist_ok=True)
                if os.path.lexists(place / name):
                    raise FileExistsError
                Path(parent, name).rename(place / name)
            except (FileExistsError, NotADirectoryError):
                shown = Path(parent, name).relative_to(source)
                instance.log(
                    [
                        f"{shown} of {instance.host.name} is not uploaded: another instance has a "
                        "file of that name. Give the instances' files names that differ."
                    ]
                )


def _files_only(instance: Instance, path: str) -> Path:
    """A folder under /opt/ml that holds nothing but files and folders, all of them the job's own.

    FIFOs, sockets and devices are deleted and named in the log: whoever opens one waits. Where the
    script put a link in the folder's place, what it leads to is copied, as it is not the job's.

    Raises:
        JobFailed: The script put something else in the folder's place.
    """
    folder = instance.local(path)
    if not folder.is_dir():
        raise JobFailed(f"ClientError: {path} cannot be uploaded: it is no folder any more.")
    if not folder.resolve().is_relative_to(instance.folder.resolve()):
        own = instance.folder / "linked" / path.strip("/")
        shutil.copytree(folder, own, symlinks=True, ignore=_special)
        return own
    _open_to_owner(folder)
    for parent, folders, names in os.walk(folder):
        special = _special(parent, names)
        for name in special:
            Path(parent, name).unlink()
            instance.log(
                [f"{Path(parent, name).relative_to(instance.ml)} is no file and is not uploaded."]
            )
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
