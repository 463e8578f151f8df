"""Folders under /opt/ml that are uploaded while the job runs, not only at its end.

Contract: API reference of ProcessingS3Output (S3UploadMode Continuous) and CheckpointConfig;
SageMaker developer guide, "Mapping of training storage paths": checkpoints are written to S3
during training.
"""

import os
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs.instance import Instance
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.location import Location

EVERY = 2.0  # seconds between two looks at the folders
LONGEST = 20.0  # seconds after which a file is uploaded that never rests
_State = tuple[int, int, int]  # inode, size and time of change


class Sync:
    """The upload of the folders of a job's instances."""

    def __init__(self, instances: Sequence[Instance], folders: Sequence[tuple[str, str]]) -> None:
        """Upload nothing yet.

        Args:
            instances: the job's.
            folders: a path under /opt/ml, and the address to which its files go, of each.
        """
        self._instances = instances
        self._folders = [(path, Location.parse(uri)) for path, uri in folders]
        self._uploaded: dict[Path, _State] = {}
        self._seen: dict[Path, tuple[_State, float]] = {}  # and when it was last uploaded or new
        self._logged = False

    def upload(self) -> None:
        """Upload the files that are new or have changed, and rest since the last look."""
        for instance in reversed(self._instances):
            for path, location in self._folders:
                folder = instance.local(path)
                for file in _files(folder, instance.folder):
                    key = f"{location.key.rstrip('/')}/{file.relative_to(folder)}".lstrip("/")
                    self._upload(instance, file, Location(location.bucket, key))

    def _upload(self, instance: Instance, file: Path, target: Location) -> None:
        try:
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode):
                return
            state = (status.st_ino, status.st_size, status.st_mtime_ns)
            if self._uploaded.get(file) == state:
                return
            before, since = self._seen.get(file, (None, time.monotonic()))
            self._seen[file] = (state, since)
            if before != state and time.monotonic() - since < LONGEST:
                return
            s3_files.copy_in(file, instance.s3, target)
        except (OSError, JobFailed) as error:
            # It was deleted meanwhile, or the upload at the job's end tells what is wrong.
            if file.exists() and not self._logged:
                self._logged = True
                instance.log([f"{file.relative_to(instance.ml)} is not uploaded yet: {error}"])
            return
        self._uploaded[file] = state
        del self._seen[file]


def _files(folder: Path, own: Path) -> Iterator[Path]:
    """The files of a folder, unless the script put a link to elsewhere in its place."""
    if not folder.resolve().is_relative_to(own.resolve()):
        return
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)


@contextmanager
def synchronize(
    instances: Sequence[Instance], folders: Sequence[tuple[str, str]], every: float = EVERY
) -> Iterator[None]:
    """Upload folders within the block, a look every few seconds.

    Args:
        instances: the job's.
        folders: a path under /opt/ml, and the address to which its files go, of each.
        every: seconds between two looks.

    Raises:
        JobFailed: an address is none.
    """
    if not folders:
        yield
        return
    sync, ended = Sync(instances, folders), threading.Event()

    def run() -> None:
        while not ended.wait(every):
            sync.upload()

    thread = threading.Thread(target=run, name="sync", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
