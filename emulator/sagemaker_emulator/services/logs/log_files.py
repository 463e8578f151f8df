"""Log groups and streams on disk: a folder for each group, a file of lines for each stream.

What is about a group is in `.group.json` in its folder, what is about a stream in a file beside its
own, where there is anything to note: its time of creation, a name that is too long for a file, or
that its lines are not in the order of time.
"""

import contextlib
import hashlib
import heapq
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sagemaker_emulator.services.logs.lines import after, last_lines
from sagemaker_emulator.services.logs.watcher import Watcher

_SUFFIX = ".jsonl"
_ABOUT_STREAM = ".about"
_ABOUT_GROUP = ".group.json"
_MAX_FILE_NAME = 200  # bytes; the file system allows 255 with the suffixes


class LogFiles:
    """The log groups under one folder.

    Writers take turns. Whoever reads takes none: what it has found may be deleted meanwhile.
    The watcher sees what was written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._deleted = folder.with_name(f"{folder.name}-deleted")
        shutil.rmtree(self._deleted, ignore_errors=True)  # what a kill left
        self._lock = threading.Lock()
        self.watcher = Watcher()
        for group in group_folders(folder):
            self.expire(group_name(group))

    def append(self, group: str, stream: str, lines: Iterable[str]) -> None:
        """Add lines, logged now, to a stream, which is made when missing."""
        now = time.time()
        self.write(group, stream, ((now, line) for line in lines))

    def write(
        self, group: str, stream: str, events: Iterable[tuple[float, str]], makes: bool = True
    ) -> bool:
        """Add (epoch seconds, message) to a stream.

        Args:
            group: its name.
            stream: its name.
            events: what is added.
            makes: whether the stream is made when missing.

        Returns:
            Whether they were written: False where there is no stream and none is made.
        """
        now = round(time.time(), 3)
        kept = [(round(when, 3), message) for when, message in events]
        texts = [
            json.dumps([when, message] if when == now else [when, message, now])
            for when, message in kept
        ]
        folder = group_folder(self._folder, group)
        path = stream_file(folder, stream)
        with self._lock:
            if not makes and not path.exists():
                return False
            if not folder.is_dir():
                _make_group(folder, group)
            if not path.exists():
                _make_stream(path, stream)
            if kept and is_sorted(path) and not _follows(path, [when for when, _ in kept]):
                note_of_stream(path, late=True)
            _append(path, "".join(f"{text}\n" for text in texts).encode())
        self.watcher.apply(group, stream, kept)
        return True

    def create_group(self, group: str, **about: Any) -> bool:
        """Make an empty group, with what there is to note of it; return whether it was made."""
        folder = group_folder(self._folder, group)
        with self._lock:
            if folder.is_dir():
                return False
            _make_group(folder, group, **about)
        return True

    def change_group(self, group: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Note something else about a group.

        Args:
            group: its name.
            change: returns, from what is noted, what is noted besides or instead.

        Raises:
            FileNotFoundError: There is no such group.
        """
        folder = group_folder(self._folder, group)
        with self._lock:
            about = about_group(folder)
            _write_json(folder / _ABOUT_GROUP, about | change(about))

    def create_stream(self, group: str, stream: str) -> bool:
        """Make an empty stream in a group that is there; return whether it was made.

        Raises:
            FileNotFoundError: There is no such group.
        """
        path = stream_file(group_folder(self._folder, group), stream)
        with self._lock:
            if path.exists():
                return False
            note_of_stream(path, name=stream, created=time.time())
            path.touch()
        return True

    def delete_group(self, group: str) -> None:
        """Delete a group with its streams, all at once.

        Raises:
            FileNotFoundError: There is no such group.
        """
        self._deleted.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._deleted) as folder, self._lock:
            group_folder(self._folder, group).rename(Path(folder, "group"))

    def delete_stream(self, group: str, stream: str) -> None:
        """Delete a stream.

        Raises:
            FileNotFoundError: There is no such stream.
        """
        path = stream_file(group_folder(self._folder, group), stream)
        with self._lock:
            path.unlink()
            path.with_suffix(_ABOUT_STREAM).unlink(missing_ok=True)

    def keep_last(self, group: str, stream_prefix: str, count: int) -> None:
        """Delete a group's streams of a prefix but the last ones in the order of their names."""
        paths = stream_files(group_folder(self._folder, group))
        names = sorted(name for name in map(stream_name, paths) if name.startswith(stream_prefix))
        for name in names[: max(0, len(names) - count)]:
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                self.delete_stream(group, name)

    def expire(self, group: str) -> None:
        """Delete the streams of which every event is older than the group keeps them."""
        folder = group_folder(self._folder, group)
        first = oldest_event(folder)
        for path in stream_files(folder):
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                if path.stat().st_mtime < first:
                    self.delete_stream(group, stream_name(path))

    def read(self, group: str, stream_prefix: str) -> Iterator[str]:
        """The messages of a group's streams in the order of time; none where there is no group."""
        files = stream_files(group_folder(self._folder, group))
        streams = [
            after(path, is_sorted(path), None, path.stat().st_size)
            for path in files
            if stream_name(path).startswith(stream_prefix)
        ]
        return (line.message for line in heapq.merge(*streams, key=lambda line: line.when))


def group_folder(folder: Path, group: str) -> Path:
    """The folder of a group, in the folder of all."""
    return folder / _file_name(group)


def group_name(folder: Path) -> str:
    """The name of the group in a folder."""
    if _is_shortened(folder.name):
        return str(about_group(folder)["name"])
    return unquote(folder.name, errors="surrogatepass")


def group_folders(folder: Path) -> list[Path]:
    """The folders of all groups, by their file names."""
    return sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []


def about_group(folder: Path) -> dict[str, Any]:
    """What is noted about the group in a folder: at least its name and its creation."""
    try:
        about: dict[str, Any] = json.loads((folder / _ABOUT_GROUP).read_text())
    except FileNotFoundError:  # of an earlier version
        about = {"name": unquote(folder.name), "created": folder.stat().st_ctime}
    return about


def oldest_event(folder: Path) -> float:
    """The time, in seconds since the epoch, before which the events of a group have expired."""
    days = about_group(folder).get("retentionInDays")
    return time.time() - days * 86_400 if days else float("-inf")


def stream_file(group: Path, stream: str) -> Path:
    """The file of a stream, in the folder of its group."""
    return group / f"{_file_name(stream)}{_SUFFIX}"


def stream_files(group: Path) -> list[Path]:
    """The files of a group's streams, by their file names."""
    return sorted(group.glob(f"*{_SUFFIX}"))


def stream_name(path: Path) -> str:
    """The name of the stream in a file."""
    if _is_shortened(path.name):
        return str(about_stream(path)["name"])
    return unquote(path.name.removesuffix(_SUFFIX), errors="surrogatepass")


def about_stream(path: Path) -> dict[str, Any]:
    """What is noted about the stream in a file."""
    try:
        about: dict[str, Any] = json.loads(path.with_suffix(_ABOUT_STREAM).read_text())
    except FileNotFoundError:
        return {}
    return about


def note_of_stream(path: Path, **about: Any) -> None:
    """Note more about the stream in a file."""
    _write_json(path.with_suffix(_ABOUT_STREAM), about_stream(path) | about)


def is_sorted(path: Path) -> bool:
    """Whether the lines of a file are in the order of time."""
    return not about_stream(path).get("late")


def _file_name(name: str) -> str:
    """A name as that of a file: no path, and not too long."""
    quoted = quote(name, safe="", errors="surrogatepass")
    if quoted in (".", ".."):
        return quoted.replace(".", "%2E")
    if len(quoted) <= _MAX_FILE_NAME:
        return quoted
    # "%~" is in no quoted name.
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]
    return f"{quoted[: _MAX_FILE_NAME - 40]}%~{digest}"


def _is_shortened(file_name: str) -> bool:
    return "%~" in file_name


def _make_group(folder: Path, group: str, **about: Any) -> None:
    folder.mkdir(parents=True)
    _write_json(folder / _ABOUT_GROUP, {"name": group, "created": time.time(), **about})


def _make_stream(path: Path, stream: str) -> None:
    if _is_shortened(path.name):
        note_of_stream(path, name=stream)


def _follows(path: Path, times: list[float]) -> bool:
    """Whether these times are in order, and none is before the last in a file."""
    size = path.stat().st_size if path.exists() else 0
    last = last_lines(path, size, lambda _: True, 1) if size else []
    return sorted(times) == times and not (last and last[0].when > times[0])


def _append(path: Path, content: bytes) -> None:
    """Add whole lines to a file, after whatever a killed server left of its last one.

    Raises:
        OSError: The disk is full; the file is as it was.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            content = b"\n" + content
        try:
            while content:
                content = content[os.write(descriptor, content) :]
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(json.dumps(content))
    temporary.replace(path)
