"""Start containers: the image's environment, the sandbox and the host process put together."""

import os
import re
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_emulator.containers import docker, environment, image, sandbox
from sagemaker_emulator.containers.process import Host, HostLost, Process

IDLE_SECONDS = 600.0
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Read by the interpreter or the loader before a warm child could set them.
_READ_AT_START = re.compile(r"PYTHON|LD_|MALLOC_|OPENBLAS_|MKL_|KMP_|GOMP_")

Log = Callable[[str], None]


@dataclass(frozen=True)
class Container:
    """What to run.

    Attributes:
        image: the image's reference.
        command: program and arguments, found on the container's PATH.
        environment: the job's own variables; they win over the emulator's.
        folder: the job's folder; its `ml` is seen at /opt/ml.
        threads: cores for numeric libraries (OMP_NUM_THREADS and its kin).
        nice: how much the container yields to what people are doing.
    """

    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    nice: int = 5

    @property
    def ml(self) -> Path:
        """The folder seen at /opt/ml."""
        return self.folder / "ml"


class Runtime:
    """The containers of one emulator.

    Attributes:
        kind: unshare, bwrap, relocate or docker.
    """

    def __init__(
        self,
        images: Path,
        state: Path,
        wanted: str = "auto",
        client_environment: Mapping[str, str] | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Probe the machine once.

        Args:
            images: one folder per image.
            state: where `environments/` is kept.
            wanted: auto, one of `sandbox.KINDS`, or docker.
            client_environment: the variables with which AWS clients find the emulator.
            idle_seconds: a warm host that ran nothing for so long is ended.

        Raises:
            SandboxUnavailable: `wanted` does not work here.
        """
        self.images = images.resolve()
        self._owner = str(state.resolve())
        self.environments = state.resolve() / "environments"
        self.client_environment = dict(client_environment or {})
        if wanted == "docker":
            if said := docker.problem():
                raise sandbox.SandboxUnavailable(f"runtime 'docker' does not work: {said}")
            self.kind = "docker"
            docker.sweep(self._owner)
        else:
            self.kind = sandbox.probe(wanted)
        self._warm_mount = self.kind == "unshare" or (
            self.kind == "bwrap" and not sandbox.failure("unshare")
        )
        self._idle_seconds = idle_seconds
        self._errors = state.resolve() / "hosts.txt"
        self._hosts: dict[tuple[str, ...], Host] = {}
        self._lock = threading.Lock()
        self._reaper: threading.Timer | None = None

    def root(self, folder: Path) -> str:
        """Where a container of that job folder finds /opt/ml."""
        return str(folder / "ml") if self.kind == "relocate" else sandbox.OPT_ML

    def prepare(self, reference: str, log: Log) -> Path | None:
        """Build what the image needs; None under docker.

        Raises:
            ImageError: there is no such image.
            EnvironmentFailed: its environment cannot be built.
        """
        found = image.find(self.images, reference)
        if self.kind == "docker":
            docker.ensure(found, log)
            return None
        return environment.ensure(found, self.environments, log)

    def start(self, container: Container, log: Log) -> Process:
        """Start a container, building its image's environment first where that is missing.

        Raises:
            ImageError, EnvironmentFailed: see `prepare`.
            HostLost: the process that containers are forked from could not be started.
        """
        found = image.find(self.images, container.image)
        container.ml.mkdir(parents=True, exist_ok=True)
        stage = container.folder / "opt"
        stage.mkdir(exist_ok=True)
        hosts = sandbox.hosts_file(container.folder)
        launch: dict[str, Any] = {
            "script": None,
            "folder": str(container.ml),
            "mount": "",
            "hosts": str(hosts),
            "directory": sandbox.OPT_ML,
            "nice": container.nice,
        }
        if self.kind == "docker":
            reference, name = docker.ensure(found, log), f"emulator-{secrets.token_hex(6)}"
            launch["argv"] = docker.command(
                name,
                reference,
                container.ml,
                container.command,
                self._settings(container),
                self._owner,
            )
            launch["environment"] = dict(os.environ)
            launch["directory"] = str(container.folder)
            return self._cold().start(launch, killed=lambda: docker.remove(name))
        built = environment.ensure(found, self.environments, log)
        variables = self._variables(found, built, container)
        launch.update(argv=list(container.command), environment=variables)
        if self.kind == "relocate":
            launch["directory"] = str(container.ml)
            launch["argv"] = sandbox.relocate(launch["argv"], container.ml)
            launch["environment"] = sandbox.relocate(variables, container.ml)
            launch["environment"]["OPT_ML"] = str(container.ml)
        script = self._script(found, built, container, launch)
        if script is not None:
            launch["argv"] = script
            launch["script"] = script[0]
            launch["mount"] = str(stage) if self._warm_mount else ""
            try:
                return self._warm(found, built).start(launch)
            except HostLost as error:
                log(f"{error}; starting the container cold. See {self._errors}")
                launch.update(script=None, argv=list(container.command))
        if self.kind == "bwrap":
            launch["argv"] = [*sandbox.bwrap(container.ml, hosts), *container.command]
            launch["directory"] = str(container.folder)
        elif self.kind == "unshare":
            launch["mount"] = str(stage)
        process = self._cold().start(launch)
        process.wrapped = self.kind == "bwrap"
        return process

    def _variables(self, found: image.Image, built: Path, container: Container) -> dict[str, str]:
        return {
            **sandbox.inherited(),
            **self._settings(container),
            "VIRTUAL_ENV": str(built),
            "PATH": f"{built / 'bin'}:{found.bin}:{SYSTEM_PATH}",
        }

    def _settings(self, container: Container) -> dict[str, str]:
        """The variables that a container has wherever it runs."""
        threads = str(max(1, container.threads))
        numeric = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "RAYON")
        return {
            "PYTHONUNBUFFERED": "1",
            **{f"{name}_NUM_THREADS": threads for name in numeric},
            **self.client_environment,
            **container.environment,
        }

    def _script(
        self, found: image.Image, built: Path, container: Container, launch: Mapping[str, Any]
    ) -> list[str] | None:
        """The Python file and arguments that a warm host can run in place, or None."""
        may_mount = self._warm_mount or self.kind == "relocate"
        if not found.preload or not may_mount or not hasattr(os, "waitid"):
            return None
        if any(_READ_AT_START.match(name) for name in container.environment):
            return None
        program, *arguments = launch["argv"]
        path = shutil.which(program, path=launch["environment"]["PATH"])
        if path is None:
            return None
        if re.fullmatch(r"python(3(\.\d+)?)?", Path(program).name):
            ours = Path(path).parent == built / "bin"
            return arguments if ours and arguments and not arguments[0].startswith("-") else None
        with Path(path).open("rb") as file:
            first = file.readline(200)
        is_python = re.match(rb"#!\s*/usr/bin/env\s+python3?\s*$", first)
        return [path, *arguments] if is_python else None

    def _cold(self) -> Host:
        return self._host(
            (sys.executable, os.devnull), {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        )

    def _warm(self, found: image.Image, built: Path) -> Host:
        # One thread while importing, so that the fork is of a process with a single thread.
        blank = Container(found.uri, (), {}, Path(), threads=1)
        variables = self._variables(found, built, blank)
        return self._host(
            (str(built / "bin" / "python"), str(found.folder), *found.preload), variables
        )

    def _host(self, key: tuple[str, ...], variables: Mapping[str, str]) -> Host:
        with self._lock:
            host = self._hosts.get(key)
            if host is None or not host.alive:
                host = Host(key[0], key[1], key[2:], variables, self._errors)
                self._hosts[key] = host
                self._reap_later()
            host.touch()
            return host

    def _reap_later(self) -> None:
        if self._reaper is None:
            self._reaper = threading.Timer(self._idle_seconds / 10, self._reap)
            self._reaper.daemon = True
            self._reaper.start()

    def _reap(self) -> None:
        with self._lock:
            self._reaper = None
            idle = [k for k, host in self._hosts.items() if host.idle > self._idle_seconds]
            hosts = [self._hosts.pop(key) for key in idle]
            if self._hosts:
                self._reap_later()
        for host in hosts:
            host.close()

    def hosts(self) -> list[int]:
        """The process numbers of the hosts that are up, cold and warm."""
        with self._lock:
            return [host.pid for host in self._hosts.values()]

    def close(self) -> None:
        """End every host, and with it every container."""
        with self._lock:
            if self._reaper is not None:
                self._reaper.cancel()
            hosts = list(self._hosts.values())
            self._hosts.clear()
        for host in hosts:
            host.close()
        if self.kind == "docker":
            docker.sweep(self._owner)
