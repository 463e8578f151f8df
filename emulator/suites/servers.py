"""Empty emulators for tests, each ready before it is asked for.

A template process has imported the server once and forks one for each test, so that a test waits
for none: `python -m suites.servers FOLDER IMAGES [OBJECTS]` reads a line for each server that is
wanted, ends the last one and writes the variables of the next as a line of JSON.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType

from sagemaker_emulator import listening
from sagemaker_emulator.aws.dispatch import operations, service_model
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.options import Options
from sagemaker_emulator.serve import serve
from sagemaker_emulator.storage.s3 import die_with_parent

_START_SECONDS = 240.0  # a start takes half a second where nothing else runs


class Servers:
    """A template process, as its client sees it.

    Args:
        folder: Where the states of the servers lie while they run.
        images: The folder of the container images.
        objects: A folder with a folder for each bucket that every emulator has from the start.
    """

    def __init__(self, folder: Path, images: Path, objects: Path | None = None) -> None:
        folders = [folder, images, *([objects] if objects else [])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "suites.servers", *(str(each.absolute()) for each in folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            text=True,
        )

    def __enter__(self) -> "Servers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def fresh(self) -> dict[str, str]:
        """The variables that point AWS clients at an empty emulator; the one before is ended.

        Raises:
            RuntimeError: No server starts; the reason is on standard error.
        """
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("no emulator starts; its log is above")
        environment: dict[str, str] = json.loads(line)
        return environment

    def close(self) -> None:
        """End the servers and delete what they kept."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(30)


class _Server:
    """One server, started but perhaps not ready."""

    def __init__(self, state: Path, images: Path, objects: Path | None, keys: str) -> None:
        self.state = state
        state.mkdir(mode=0o700)
        if objects:
            shutil.copytree(objects, state / "s3")
        # One pair for all, as some tests keep a client.
        (state / "credentials.json").write_text(keys)
        (state / "credentials.json").chmod(0o600)
        api, s3 = listening.listen(0), listening.listen(0)
        assert api
        assert s3
        with api, s3:
            self.pid = os.fork()
            if self.pid == 0:
                _serve(Options(state, images, sockets=(api.detach(), s3.detach())))

    def environment(self) -> dict[str, str]:
        """Wait until it serves, and return its clients' variables.

        Raises:
            RuntimeError: It has ended or takes too long.
        """
        deadline = time.monotonic() + _START_SECONDS
        about = self.state / "server.json"
        while not about.exists():
            ended, _ = os.waitpid(self.pid, os.WNOHANG)
            if ended or time.monotonic() > deadline:
                raise RuntimeError((self.state / "log.txt").read_text())
            time.sleep(0.01)
        found = json.loads(about.read_text())["environment"]
        return {**found, **Credentials.of(self.state).environment}

    def end(self) -> None:
        """Kill it, with what it runs, and delete its state."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        # A container that is just being killed may still write.
        for _ in range(50):
            shutil.rmtree(self.state, ignore_errors=True)
            if not self.state.exists():
                return
            time.sleep(0.02)


def _serve(options: Options) -> None:
    """The child: serve until killed. It never returns."""
    try:
        os.setsid()
        die_with_parent()
        log = os.open(options.state / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.chdir(options.state)
        serve(options)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _template(folder: Path, images: Path, objects: Path | None = None) -> None:
    """Write a server's variables for each line that is read; the next one starts meanwhile."""
    for service in {service for service, _ in operations}:
        service_model(service)
    Credentials.of(folder)
    keys = (folder / "credentials.json").read_text()
    number = 0
    upcoming, current = _Server(folder / "0", images, objects, keys), None
    try:
        for _ in sys.stdin:
            number += 1
            last, current = current, upcoming
            upcoming = _Server(folder / str(number), images, objects, keys)
            print(json.dumps(current.environment()), flush=True)
            if last:
                last.end()
    finally:
        for server in (current, upcoming):
            if server:
                server.end()


if __name__ == "__main__":
    _template(*map(Path, sys.argv[1:]))
