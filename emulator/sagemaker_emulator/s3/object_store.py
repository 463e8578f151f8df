"""Buckets and objects on the disk: a body is a plain file, and appears whole, by a rename."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sagemaker_emulator.s3.about import About
from sagemaker_emulator.s3.faults import S3Fault
from sagemaker_emulator.s3.metadata import Metadata
from sagemaker_emulator.s3.stored import Stored, etag_of
from sagemaker_emulator.storage import object_files
from sagemaker_emulator.storage.object_files import BUCKET_NAME, KeyRefused, KeyTooLong, Walk
from sagemaker_emulator.storage.s3_files import uploads_folder

_OF_RCLONE = ".rclone_temp_put_"  # begins the name of a body that was under way when it was killed


class ObjectStore:
    """The objects of one state folder.

    Args:
        state: The state folder; buckets are the folders in its `s3/`.
    """

    def __init__(self, state: Path) -> None:
        self.root = state / "s3"
        uploads = uploads_folder(self.root)
        self.incoming = uploads / "incoming"
        self.parts = uploads / "parts"
        shutil.rmtree(self.incoming, ignore_errors=True)  # what a kill left
        for folder in (self.root, self.incoming, self.parts):
            folder.mkdir(parents=True, exist_ok=True)
        if not (state / "s3.sqlite").exists():  # of an earlier version, whose server was rclone
            for path in self.root.rglob(f"{_OF_RCLONE}*"):
                if path.is_file():
                    path.unlink()
        self.metadata = Metadata(state / "s3.sqlite")
        under_way = self.metadata.upload_ids()
        for folder in self.parts.iterdir():
            if folder.name not in under_way:
                shutil.rmtree(folder, ignore_errors=True)
        # Held while a condition is checked and what depends on it is done.
        self.lock = threading.RLock()
        self._last_mtime = 0

    def bucket(self, name: str) -> Path:
        """The folder of a bucket.

        Raises:
            S3Fault: There is none.
        """
        folder = self.root / name
        if not BUCKET_NAME.fullmatch(name):
            raise S3Fault("InvalidBucketName", BucketName=name)
        if not folder.is_dir():
            raise S3Fault("NoSuchBucket", BucketName=name)
        return folder

    def bucket_names(self) -> list[str]:
        """The names of all buckets, in order."""
        return sorted(
            entry.name
            for entry in os.scandir(self.root)
            if entry.is_dir() and BUCKET_NAME.fullmatch(entry.name)
        )

    def open(self, bucket: str, key: str) -> tuple[int, Stored]:
        """Open an object: a file descriptor, to be closed by the caller, and the object.

        Raises:
            S3Fault: There is no such bucket or key.
        """
        folder = self.bucket(bucket)
        while True:
            with _refusals(key):
                path = object_files.file_of(folder, key)
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as problem:
                if self._is_elsewhere(folder, key, path):
                    continue
                raise _no_such_key(key, problem) from None
            try:
                found = os.fstat(descriptor)
                if os.path.isfile(path):
                    stored = self._stored(bucket, key, path, found)
                    if stored is not None:
                        return descriptor, stored
                elif not self._is_elsewhere(folder, key, path):
                    raise S3Fault("NoSuchKey", Key=key)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # it was replaced meanwhile: what is kept is of the new body

    @staticmethod
    def _is_elsewhere(folder: Path, key: str, path: Path) -> bool:
        """Whether an object's file was moved since it was found, for a key below it."""
        with _refusals(key):
            return object_files.file_of(folder, key) != path

    def head(self, bucket: str, key: str) -> Stored:
        """An object without its body.

        Raises:
            S3Fault: There is no such bucket or key.
        """
        descriptor, stored = self.open(bucket, key)
        os.close(descriptor)
        return stored

    def _stored(
        self, bucket: str, key: str, path: Path | str, found: os.stat_result
    ) -> Stored | None:
        """An object by its file's size and time; None if the file is another one by now."""
        row = self.metadata.object(bucket, key, found.st_size, found.st_mtime_ns)
        if row is None:
            try:
                now = os.stat(path)
            except OSError:
                now = found  # deleted meanwhile: it is read as it was
            if (now.st_size, now.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
                return None
            row = etag_of(path, found), About()
            stamp = found.st_size, found.st_mtime_ns
            with contextlib.suppress(OSError):
                self.metadata.put_object(bucket, key, stamp, *row, current=stamp)
        return Stored(key, found.st_size, found.st_mtime_ns, *row)

    def many(self, bucket: str, entries: list[tuple[str, str]]) -> list[Stored]:
        """Objects by key and path, as `Walk` gives them; those that are gone are left out."""
        stats = []
        for key, path in entries:
            with contextlib.suppress(OSError):
                stats.append((key, path, os.stat(path)))
        rows = self.metadata.objects(bucket, [key for key, _, _ in stats])
        objects = []
        for key, path, found in stats:
            row = rows.get((key, found.st_size, found.st_mtime_ns))
            if row is not None:
                objects.append(Stored(key, found.st_size, found.st_mtime_ns, *row))
                continue
            with contextlib.suppress(OSError):
                if stored := self._stored(bucket, key, path, found):
                    objects.append(stored)
                else:
                    objects.append(self.head(bucket, key))
        return objects

    def find(self, bucket: str, key: str) -> Stored | None:
        """An object without its body, or None.

        Raises:
            S3Fault: There is no such bucket, or no object can have this key.
        """
        try:
            return self.head(bucket, key)
        except S3Fault as fault:
            if fault.code != "NoSuchKey":
                raise
            return None

    def commit(
        self,
        bucket: str,
        key: str,
        file: Path,
        etag: str,
        about: About,
        check: Callable[[Stored | None], None] | None = None,
    ) -> Stored:
        """Make a file an object, in one step with what is kept of it.

        Args:
            bucket: The bucket's name.
            key: The object's.
            file: It is moved.
            etag: Without quotes.
            about: What is kept of it.
            check: Called with the object that is to be replaced; it raises to prevent that.

        Raises:
            S3Fault: There is no such bucket, or no object can have this key.
        """
        folder = self.bucket(bucket)
        with _refusals(key):
            target = object_files.file_of(folder, key)
        with self.lock:
            if check is not None:
                check(self.find(bucket, key))
            try:
                found = os.stat(target)
                current = None if target.is_dir() else (found.st_size, found.st_mtime_ns)
            except OSError:
                current = None
            # The kernel's clock ticks too slowly to tell two bodies of one size apart.
            mtime = self._last_mtime = max(time.time_ns(), self._last_mtime + 1)
            os.utime(file, ns=(mtime, mtime))
            found = os.stat(file)
            stamp = found.st_size, found.st_mtime_ns
            self.metadata.put_object(bucket, key, stamp, etag, about, current)
            with _refusals(key):
                try:
                    object_files.move_in(file, folder, key)
                except FileNotFoundError:
                    raise S3Fault("NoSuchBucket", BucketName=bucket) from None
        return Stored(key, *stamp, etag, about)

    def replace_about(self, bucket: str, stored: Stored, about: About) -> None:
        """Keep something else of an object, whose body stays."""
        stamp = stored.size, stored.mtime
        self.metadata.put_object(bucket, stored.key, stamp, stored.etag, about, current=stamp)

    def delete(self, bucket: str, key: str) -> bool:
        """Delete an object; return whether there was one.

        Raises:
            S3Fault: There is no such bucket, or no object can have this key.
        """
        folder = self.bucket(bucket)
        with self.lock, _refusals(key):
            there_was_one = object_files.remove(folder, key)
            if there_was_one:
                self.metadata.delete_object(bucket, key)
        return there_was_one

    def create_bucket(self, name: str) -> bool:
        """Make a bucket; return False if there is one of that name.

        Raises:
            S3Fault: The name is not valid.
        """
        if not BUCKET_NAME.fullmatch(name):
            raise S3Fault("InvalidBucketName", BucketName=name)
        with self.lock:
            if (self.root / name).is_dir():
                return False
            self.metadata.delete_bucket(name)  # of one whose folder somebody deleted
            (self.root / name).mkdir()
            self.metadata.create_bucket(name)
        return True

    def delete_bucket(self, name: str) -> None:
        """Delete a bucket that has no objects, with its configuration and uploads.

        Raises:
            S3Fault: There is none, or it has objects.
        """
        folder = self.bucket(name)
        with self.lock:
            if next(iter(Walk(folder)), None) is not None:
                raise S3Fault("BucketNotEmpty", BucketName=name)
            uploads = self.metadata.uploads(name)
            try:
                for path, _, _ in os.walk(folder, topdown=False):
                    os.rmdir(path)
            except OSError:  # a file that is no object, or one that a job has just put there
                raise S3Fault("BucketNotEmpty", BucketName=name) from None
            self.metadata.delete_bucket(name)
        for upload in uploads:
            shutil.rmtree(self.parts / upload.id, ignore_errors=True)

    def new_file(self, data: bytes) -> Path:
        """A file of this content, to be made an object."""
        path = self.incoming / os.urandom(16).hex()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return path


@contextlib.contextmanager
def _refusals(key: str) -> Iterator[None]:
    """A key that cannot be kept, as S3 words a fault."""
    try:
        yield
    except KeyTooLong as problem:
        raise S3Fault("KeyTooLongError", f"Your key is too long: {problem}") from None
    except KeyRefused as problem:
        raise S3Fault(
            "InvalidArgument", f"{problem}", ArgumentName="Key", ArgumentValue=key
        ) from None


def _no_such_key(key: str, problem: OSError) -> Exception:
    if isinstance(problem, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return S3Fault("NoSuchKey", Key=key)
    return problem
