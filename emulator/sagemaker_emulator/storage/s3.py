"""S3: a server process over a folder; buckets are folders in it and objects are files."""

import contextlib
import ctypes
import http.client
import logging
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from sagemaker_emulator.errors import JobFailed, StartError, invalid
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.location import Location

_log = logging.getLogger("emulator.s3")

HEALTH = "/_emulator/health"  # needs no signature
LONGEST_READ = 256 << 20  # bytes of an object that a request makes the emulator read


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent is gone, however it went (Linux only).

    For `preexec_fn`. The kernel watches the thread that forked, not the whole parent, so that
    thread must live as long as the parent does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    """Refuse a request for what fails a job: a URI that is none, or leads out of its bucket."""
    try:
        yield
    except JobFailed as error:
        raise invalid(str(error).removeprefix("ClientError: ")) from None


class S3:
    """The object store under one folder.

    Args:
        folder: Holds a folder for each bucket; the state folder is its parent.
        url: Where the server listens, such as `http://127.0.0.1:5581`.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self._stopping = threading.Event()
        self._ended = ""  # why the first process ended
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._keeper = threading.Thread(target=self._keep, name="s3", daemon=True)

    def start(self, listening: socket.socket | None = None, timeout: float = 30) -> None:
        """Start the server and wait until it responds; it is started again if it dies.

        Args:
            listening: An open socket at `url`. It stays open here, so that what connects while the
                server is started again waits. Without it the server opens one of its own.
            timeout: Seconds.

        Raises:
            StartError: It ended, or did not respond in time.
        """
        self._socket = listening
        shutil.rmtree(s3_files.uploads_folder(self.folder) / "jobs", ignore_errors=True)
        self._keeper.start()
        deadline = time.monotonic() + timeout
        while not self.alive():
            if self._ended:
                raise StartError(self._ended)
            if time.monotonic() > deadline:
                raise StartError(f"S3 did not respond at {self.url} within {timeout:.0f} s")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server."""
        self._stopping.set()
        if self._process:
            self._process.terminate()
        if self._keeper.is_alive():
            self._keeper.join(5)

    def alive(self) -> bool:
        """Whether the server responds."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=1)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", HEALTH)
            return connection.getresponse().status == http.client.OK
        return False

    def _keep(self) -> None:
        command = [sys.executable, "-m", "sagemaker_emulator.s3", "--state"]
        command.append(str(self.folder.parent))
        descriptors = [] if self._socket is None else [self._socket.fileno()]
        if descriptors:
            command += ["--socket", str(descriptors[0])]
        else:
            command += ["--port", str(urlsplit(self.url).port)]
        pause = 0.1
        while not self._stopping.is_set():
            # Forked by this thread, which lives as long as the server: see die_with_parent.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=descriptors,
                preexec_fn=die_with_parent,
            )
            # It prints nothing but why it cannot start.
            reason, _ = self._process.communicate()
            code = self._process.returncode
            self._ended = reason.decode(errors="replace").strip() or f"S3 ended with code {code}"
            if not self._stopping.wait(pause):
                _log.error("S3 ended with code %s; starting it again", code)
                pause = min(pause * 2, 5)

    def file(self, uri: str) -> Path | None:
        """The file that holds the object of an `s3://bucket/key`, or None without one.

        Raises:
            ApiError: It is not an S3 URI of a bucket, or leaves it.
        """
        with _refused():
            return Location.parse(uri).file(self.folder)

    def anything_under(self, uri: str) -> bool:
        """Whether an object's key begins with that of `s3://bucket/key`.

        Raises:
            ApiError: It is not an S3 URI of a bucket, or leaves it.
        """
        with _refused():
            return any(True for _ in s3_files.find(self.folder, uri))

    def read(self, uri: str) -> bytes | None:
        """The content of an object, or None if there is no such object.

        Raises:
            ApiError: It is not an S3 URI of a bucket, leaves it, or is of a very large object.
        """
        file = self.file(uri)
        try:
            if file is None:
                return None
            if (size := file.stat().st_size) > LONGEST_READ:
                raise invalid(f"{uri} has {size} bytes; at most {LONGEST_READ} are read.")
            return file.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
