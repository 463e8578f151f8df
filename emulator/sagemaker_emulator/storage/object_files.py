"""Which file holds an object: keys as paths below the bucket's folder, and back.

The object `a/b` is the file `a/b`. Names that begin with `.s3~` stand for what a path cannot say:

| key | file |
|---|---|
| `a/`, a folder's marker | `a/.s3~marker` |
| `a//b`, an empty segment | `a/.s3~empty/b` |
| `a`, where `a/b` is an object, too | `.s3~object~a` |
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

# S3's own rule; without it a bucket named ".." would lead out of the folder of buckets.
BUCKET_NAME = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
RESERVED = ".s3~"
LONGEST_KEY = 1024  # bytes of UTF-8, as on S3
_LONGEST_NAME = 255  # bytes: of every usual file system
_MARKER, _EMPTY, _BESIDE = f"{RESERVED}marker", f"{RESERVED}empty", f"{RESERVED}object~"
_ATTEMPTS = 100  # at making a folder that deletions of other objects remove again


class KeyRefused(Exception):
    """A key that no file can hold, or that leads out of its bucket; the text says why."""


class KeyTooLong(KeyRefused):
    """A key of more bytes than S3 allows, or a segment of more than a file's name may have."""


def check_key(key: str) -> None:
    """Check that a file can hold an object of this key.

    Raises:
        KeyRefused: It cannot.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise KeyRefused("a key must be UTF-8") from None
    if size > LONGEST_KEY:
        raise KeyTooLong(f"a key has at most {LONGEST_KEY} bytes; this one has {size}")
    if "\0" in key:
        raise KeyRefused("a key with a NUL in it cannot be kept here")
    for segment in key.split("/"):
        if segment in (".", ".."):
            raise KeyRefused(f"a key with {segment!r} between its slashes cannot be kept here")
        if segment.startswith(RESERVED):
            raise KeyRefused(f"a key cannot have a part that begins with {RESERVED!r} here")
        if len(segment) > _LONGEST_NAME // 4 and len(segment.encode()) > _LONGEST_NAME:
            raise KeyTooLong(
                f"between two slashes a key can have at most {_LONGEST_NAME} bytes here"
            )


def folder_of(bucket: Path, prefix: str) -> Path:
    """The folder of the keys that begin with `prefix`, which ends in `/` or is empty.

    Raises:
        KeyRefused: No folder can be that, or a symbolic link leads out of the bucket.
    """
    check_key(prefix)
    folder = os.path.join(bucket, *(name or _EMPTY for name in prefix.split("/")[:-1]))
    _check_links(bucket, folder)
    return Path(folder)


def file_of(bucket: Path, key: str) -> Path:
    """The file that holds the object of this key; where there is none, the file that would.

    Raises:
        KeyRefused: No file can hold it, or a symbolic link leads out of the bucket.
    """
    plain, beside = _files(bucket, key)
    if beside and not os.path.isfile(plain) and os.path.isfile(beside):
        return Path(beside)
    return Path(plain)


def _files(bucket: Path, key: str) -> tuple[str, str]:
    """The plain file of a key, and the one that holds it beside a folder of that name."""
    check_key(key)
    *parents, name = key.split("/")
    folder = os.path.join(bucket, *(parent or _EMPTY for parent in parents))
    _check_links(bucket, folder)
    plain = os.path.join(folder, name or _MARKER)
    if os.path.islink(plain):
        _check_links(bucket, plain)
    beside = os.path.join(folder, _BESIDE + name) if name else ""
    return plain, "" if len(os.fsencode(_BESIDE + name)) > _LONGEST_NAME else beside


def _check_links(bucket: Path, path: str) -> None:
    """Check that no symbolic link below the bucket's folder leads out of it.

    Raises:
        KeyRefused: One does, or its target cannot be found out.
    """
    root = str(bucket)
    current = root
    for name in path[len(root) :].split("/"):
        if not name:
            continue
        current = f"{current}/{name}"
        try:
            if not stat.S_ISLNK(os.lstat(current).st_mode):
                continue
            # Strict, as a path too long to resolve must not pass for one that was.
            target = os.path.realpath(current, strict=True)
            inside = os.path.realpath(root, strict=True)
        except FileNotFoundError:
            if os.path.islink(current):
                raise KeyRefused(f"{name!r} is a symbolic link to nothing") from None
            return
        except NotADirectoryError:
            return
        except OSError as problem:
            raise KeyRefused(f"{name!r} cannot be used: {problem}") from None
        if target != inside and not target.startswith(f"{inside}/"):
            raise KeyRefused(f"{name!r} is a symbolic link that leads out of the bucket")


def move_in(file: Path, bucket: Path, key: str) -> Path:
    """Make a file the object of a key, at once and whole.

    Returns:
        The object's file.

    Raises:
        KeyRefused: No file can hold it, or a symbolic link leads out of the bucket.
        OSError: The disk is full, or there is no such bucket.
    """
    try:
        with _alone(bucket):
            return _move_in(file, bucket, key)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        return _copy_in(file, bucket, key)


def _move_in(file: Path, bucket: Path, key: str) -> Path:
    plain, beside = _files(bucket, key)
    folder = os.path.dirname(plain)
    for attempt in range(_ATTEMPTS):
        try:
            if beside and os.path.isdir(plain) and not os.path.islink(plain):
                os.replace(file, beside)
                return Path(beside)
            os.replace(file, plain)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if not bucket.is_dir() or not file.exists() or attempt == _ATTEMPTS - 1:
                raise
            _make_folder(bucket, folder)
            continue
        if beside and os.path.lexists(beside):
            os.unlink(beside)
        return Path(plain)
    raise AssertionError("not reached")


@contextlib.contextmanager
def _alone(bucket: Path) -> Iterator[None]:
    """Change a bucket's folders while no other process does: jobs and the S3 server both do.

    A key and the keys below it share names: what one moves aside, another could delete.

    Raises:
        FileNotFoundError: There is no such bucket.
    """
    descriptor = os.open(bucket, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _copy_in(file: Path, bucket: Path, key: str) -> Path:
    """As `move_in`, from another file system."""
    copied = bucket / f"{RESERVED}incoming~{secrets.token_hex(8)}"
    try:
        shutil.copyfile(file, copied)
        shutil.copystat(file, copied)
        moved = move_in(copied, bucket, key)
    finally:
        copied.unlink(missing_ok=True)
    file.unlink()
    return moved


def _make_folder(bucket: Path, folder: str) -> None:
    """Make the folders below a bucket; an object in their way moves aside."""
    current = str(bucket)
    for name in folder[len(current) :].split("/"):
        if not name:
            continue
        parent, current = current, f"{current}/{name}"
        try:
            os.mkdir(current)
        except FileExistsError:
            if os.path.isdir(current):
                continue
            if len(os.fsencode(_BESIDE + name)) > _LONGEST_NAME:
                raise KeyTooLong(
                    f"{name!r} is an object; its name is too long for it to have others below it"
                ) from None
            os.rename(current, f"{parent}/{_BESIDE}{name}")
            os.mkdir(current)


def remove(bucket: Path, key: str) -> bool:
    """Delete the file of a key and the folders that it leaves empty; return whether there was one.

    Raises:
        KeyRefused: No file can hold it, or a symbolic link leads out of the bucket.
    """
    try:
        with _alone(bucket):
            return _remove(bucket, key)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _remove(bucket: Path, key: str) -> bool:
    file = file_of(bucket, key)
    if file.is_dir():
        return False
    file.unlink()
    for folder in file.parents:
        if folder == bucket:
            break
        try:
            folder.rmdir()
        except OSError:  # not empty
            break
    return True


class Walk:
    """The objects of a bucket in the order of their keys' bytes.

    Args:
        bucket: The bucket's folder.
        prefix: Only keys that begin with it.
        after: Only keys that come after it. It may be raised while the walk goes on, to skip keys.
    """

    def __init__(self, bucket: Path, prefix: str = "", after: str = "") -> None:
        self.after = after
        self._bucket = bucket
        self._prefix = prefix

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield keys and the paths of their files; what vanishes meanwhile may be among them."""
        base = self._prefix.rpartition("/")[0]
        base = f"{base}/" if "/" in self._prefix else ""
        try:
            folder = folder_of(self._bucket, base)
        except KeyRefused:
            return
        yield from self._walk(str(folder), base)

    def _walk(self, folder: str, base: str) -> Iterator[tuple[str, str]]:
        if len(base) > LONGEST_KEY:
            return
        try:
            with os.scandir(folder) as entries:
                found = sorted(filter(None, (self._entry(entry, base) for entry in entries)))
        except (FileNotFoundError, NotADirectoryError):
            return
        for item, path, is_folder in found:
            if is_folder:
                if item < self.after and not self.after.startswith(item):
                    continue
                if item.startswith(self._prefix) or self._prefix.startswith(item):
                    yield from self._walk(path, item)
            elif item > self.after and item.startswith(self._prefix):
                yield item, path

    def _entry(self, entry: os.DirEntry[str], base: str) -> tuple[str, str, bool] | None:
        """A key or the beginning of keys, its path, and which of the two; None for what is none."""
        name = entry.name
        if entry.is_symlink():
            try:
                _check_links(self._bucket, entry.path)
            except KeyRefused:
                return None
        is_folder = entry.is_dir()
        if not is_folder and not entry.is_file():
            return None
        if name.startswith(RESERVED):
            if is_folder:
                return (f"{base}/", entry.path, True) if name == _EMPTY else None
            if name == _MARKER:
                return (base, entry.path, False) if base else None
            if not name.startswith(_BESIDE):
                return None
            name = name.removeprefix(_BESIDE)
        elif not name.isascii():
            try:
                name.encode()
            except UnicodeEncodeError:
                return None
        return (
            (f"{base}{name}/", entry.path, True) if is_folder else (base + name, entry.path, False)
        )
