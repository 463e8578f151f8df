"""Start containers: the image's environment, the sandbox and the host process put together."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagemaker_emulator.containers import image, warm_script
from sagemaker_emulator.containers.environment import Build, Log, differences
from sagemaker_emulator.containers.host.channel import Launch
from sagemaker_emulator.containers.host_pool import HostPool
from sagemaker_emulator.containers.process import Host, HostLost, Owner, Process
from sagemaker_emulator.containers.relocation import OPT_ML
from sagemaker_emulator.containers.sandbox import (
    HOST_NAME,
    LOOPBACK,
    Sandbox,
    variables,
    write_etc,
)

IDLE_SECONDS = 600.0


@dataclass(frozen=True)
class Container:
    """What to run.

    Attributes:
        image: The image's reference.
        command: Program and arguments, found on the container's PATH.
        environment: The job's own variables; they win over the emulator's.
        folder: The job's folder, whose `ml` the container sees at /opt/ml.
        threads: Cores for numeric libraries (OMP_NUM_THREADS and its kin).
        nice: How much the container yields to a person's own programs.
        host: Its host name; the machine's own under `relocate`.
        hosts: The addresses of its and its peers' host names, which it finds in its /etc/hosts; it
            finds none under `relocate`.
    """

    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    nice: int = 5
    host: str = HOST_NAME
    hosts: Mapping[str, str] = field(default_factory=lambda: {HOST_NAME: LOOPBACK})

    @property
    def ml(self) -> Path:
        """The folder that the container sees at /opt/ml."""
        return self.folder / "ml"


class Runtime:
    """The containers of one emulator.

    Attributes:
        sandbox: How its containers come to see their own /opt/ml.
    """

    def __init__(
        self,
        images: Path,
        state: Path,
        sandbox: Sandbox,
        client_environment: Mapping[str, str] | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Start no host yet.

        Args:
            images: A folder with a folder for each image.
            state: The state folder.
            sandbox: How containers come to see their own /opt/ml.
            client_environment: The variables with which AWS clients find the emulator.
            idle_seconds: A warm host that ran nothing for this long is ended.
        """
        self.sandbox = sandbox
        self._images = images.resolve()
        self._client_environment = dict(client_environment or {})
        self._errors = state.resolve() / "hosts.txt"
        self._hosts = HostPool(self._errors, idle_seconds)

    @property
    def kind(self) -> str:
        """The sandbox's name: unshare, bwrap, relocate or docker."""
        return self.sandbox.kind

    def prepare(self, reference: str, log: Log, owner: Owner) -> None:
        """Build what the image needs.

        Args:
            reference: The image's.
            log: Takes one line of progress at a time.
            owner: Whoever needs it; the build ends when it is asked to stop.

        Raises:
            ImageError: There is no such image, or docker cannot build it.
            EnvironmentFailed: Its environment cannot be built.
            Exception: What the owner's `check` raises.
        """
        found = image.find(self._images, reference)
        prepared = self.sandbox.prepare(found, self._build(log, owner))
        if note := differences(Path(prepared)):
            log(note)

    def entrypoint(self, reference: str) -> tuple[str, ...]:
        """What stands before a container's arguments (`image.yaml`); empty if nothing does.

        Raises:
            ImageError: There is no such image.
        """
        return image.find(self._images, reference).file.entrypoint

    def problem(self, reference: str) -> str:
        """Why there can be no container of an image, or an empty string."""
        try:
            image.find(self._images, reference).packages  # noqa: B018
        except image.ImageError as error:
            return str(error)
        return ""

    def start(self, container: Container, log: Log, owner: Owner) -> Process:
        """Start a container, building what its image needs if it is missing.

        Args:
            container: What to run.
            log: Takes one line of progress at a time.
            owner: Whoever it runs for; it is attached to it.

        Raises:
            ImageError, EnvironmentFailed, Exception: See `prepare`.
            HostLost: The process that containers are forked from could not be started.
        """
        process = self._start(container, log, owner)
        owner.attach(process)
        return process

    def _start(self, container: Container, log: Log, owner: Owner) -> Process:
        found = image.find(self._images, container.image)
        container.ml.mkdir(parents=True, exist_ok=True)
        (container.folder / "opt").mkdir(exist_ok=True)
        write_etc(container.folder, container.host, container.hosts)
        base: Launch = {
            "argv": list(container.command),
            "script": None,
            "environment": self._settings(container),
            "folder": str(container.ml),
            "mount": "",
            "etc": str(container.folder),
            "host": container.host,
            "layer": "",
            "base": "",
            "hosts": dict(container.hosts),
            "directory": OPT_ML,
            "nice": container.nice,
        }
        prepared = self.sandbox.prepare(found, self._build(log, owner))
        launch = self.sandbox.inside(base, found, prepared)
        try:
            return self._start_launch(launch, found, prepared, container, log, owner)
        except BaseException:
            self.sandbox.discard(launch)
            raise

    def _start_launch(
        self,
        launch: Launch,
        found: image.Image,
        prepared: str,
        container: Container,
        log: Log,
        owner: Owner,
    ) -> Process:
        """Start a container in a warm host if it can run there, else in a cold one."""
        may_be_warm = found.preload and self.sandbox.runs_warm and hasattr(os, "waitid")
        own = container.environment
        if may_be_warm and (script := warm_script.find(launch, prepared, own)):
            warm: Launch = {**launch, "argv": script, "script": script[0]}
            try:
                host = self._warm(found, prepared)
                start = self.sandbox.warm(warm)
                return host.start(start.launch, start.ended, owner.check)
            except HostLost as error:
                log(f"{error}; starting the container cold. See {self._errors}")
        start = self.sandbox.cold(launch, prepared)
        process = self._cold().start(start.launch, start.ended, owner.check)
        process.wrapped = start.wrapped
        return process

    def start_program(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: str = "/",
        check: Callable[[], None] = lambda: None,
    ) -> Process:
        """Start a program of this machine in no sandbox; all that it starts ends with it.

        Args:
            command: Program and arguments.
            environment: All its variables, PATH among them.
            directory: Where it starts.
            check: Called while it waits; whatever it raises ends the wait.

        Raises:
            HostLost: The process that programs are forked from could not be started.
        """
        launch: Launch = {
            "argv": list(command),
            "script": None,
            "environment": dict(environment),
            "folder": "",
            "mount": "",
            "etc": "",
            "host": "",
            "layer": "",
            "base": "",
            "hosts": {},
            "directory": directory,
            "nice": 0,
        }
        return self._cold().start(launch, check=check)

    def _build(self, log: Log, owner: Owner) -> Build:
        """What a build needs: its programs run as containers do, and end as surely."""

        def run(
            command: Sequence[str], environment: Mapping[str, str], log_line: Log
        ) -> tuple[int, list[str]]:
            owner.check()
            process = self.start_program(command, environment, check=owner.check)
            owner.attach(process)
            printed: list[str] = []
            try:
                for lines in process.lines():
                    printed += lines
                    for line in lines:
                        log_line(line)
            except BaseException:  # such as a full disk under the log
                process.stop("its output cannot be kept", 0)
                raise
            finally:
                code = process.wait()
            owner.check()
            return code, printed

        return Build(log, run, owner.check)

    def _settings(self, container: Container) -> dict[str, str]:
        """The variables that a container has wherever it runs."""
        threads = str(max(1, container.threads))
        numeric = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "RAYON")
        return {
            "PYTHONUNBUFFERED": "1",
            **{f"{name}_NUM_THREADS": threads for name in numeric},
            **self._client_environment,
            **container.environment,
        }

    def _cold(self) -> Host:
        return self._hosts.get(
            (sys.executable, os.devnull), {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        )

    def _warm(self, found: image.Image, built: str) -> Host:
        # One thread while importing, so that the fork is of a process with a single thread.
        settings = self._settings(Container(found.uri, (), {}, Path(), threads=1))
        return self._hosts.get(
            (str(Path(built, "bin/python")), str(found.folder), *found.preload),
            variables(found, built, settings),
        )

    def hosts(self) -> list[int]:
        """The process numbers of the hosts that are up, cold and warm."""
        return self._hosts.pids()

    def close(self) -> None:
        """End every host, and with it every container."""
        self._hosts.close()
        self.sandbox.close()
