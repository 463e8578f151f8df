"""How a container comes to see its own /opt/ml."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from sagemaker_emulator.containers import environment, layers
from sagemaker_emulator.containers.environment import Build
from sagemaker_emulator.containers.host.channel import Launch
from sagemaker_emulator.containers.host.mount_namespace import ETC
from sagemaker_emulator.containers.image import Image
from sagemaker_emulator.containers.layers import Layers
from sagemaker_emulator.containers.relocation import DRIVERS, OPT_ML, relocate, relocate_drivers
from sagemaker_emulator.proxies import past_proxies

HOST_NAME = "algo-1"  # the name of a job's first host, as SageMaker names it to the job
LOOPBACK = "127.0.0.1"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_log = logging.getLogger("emulator.containers")


class SandboxUnavailable(Exception):
    """The requested runtime does not work on this machine."""


@dataclass(frozen=True)
class Start:
    """What a cold host starts, and how that is ended.

    Attributes:
        launch: What the host runs.
        wrapped: Whether a program that dies of SIGTERM stands before the container's own.
        ended: Called with its exit code when it has ended: negative for a signal, None if its host
            has ended before.
    """

    launch: Launch
    wrapped: bool = False
    ended: Callable[[int | None], None] | None = None


class Sandbox(Protocol):
    """One way to give a container its own /opt/ml.

    Attributes:
        kind: Its name in `--runtime`.
        shares_files: Whether a container sees the files of this machine.
        runs_warm: Whether a child of a warm host can be put into it.
    """

    kind: ClassVar[str]
    shares_files: ClassVar[bool]
    runs_warm: bool

    @classmethod
    def failure(cls) -> str:
        """Try it on this machine and return what failed, or an empty string."""

    def prepare(self, image: Image, build: Build) -> str:
        """Build what an image needs and return what stands for it: a folder or a reference.

        Raises:
            ImageError, EnvironmentFailed: It cannot be built.
        """

    def inside(self, launch: Launch, image: Image, prepared: str) -> Launch:
        """The launch with the variables and paths that hold inside the container."""

    def discard(self, launch: Launch) -> None:
        """Delete what `inside` has made, for a container that was not started."""

    def warm(self, launch: Launch) -> Start:
        """What a child of a warm host runs."""

    def cold(self, launch: Launch, prepared: str) -> Start:
        """What a cold host runs."""

    def close(self) -> None:
        """End what would outlive the hosts."""


class _EnvironmentSandbox:
    """What the sandboxes have in common whose containers run in an image's uv environment.

    Args:
        environments: The folder of all environments.
    """

    shares_files: ClassVar[bool] = True

    def __init__(self, environments: Path) -> None:
        self._environments = environments
        self._layers = Layers(environments.parent / "layers")
        self.runs_warm = True

    def prepare(self, image: Image, build: Build) -> str:
        return str(environment.ensure(image, self._environments, build))

    def inside(self, launch: Launch, image: Image, prepared: str) -> Launch:
        settings = variables(image, prepared, launch["environment"])
        return self._with_layer({**launch, "environment": settings}, prepared)

    def _with_layer(self, launch: Launch, prepared: str) -> Launch:
        """The launch of a container that changes its environment for itself alone."""
        return layers.private(launch, prepared, self._layers.new())

    def discard(self, launch: Launch) -> None:
        self._layers.delete(Path(launch["layer"]))

    def _started(self, launch: Launch, wrapped: bool = False) -> Start:
        """The start of a container with a layer, which goes when it has ended."""

        def ended(_: int | None) -> None:
            if launch["base"]:
                layers.keep_bytecode(launch)
            self.discard(launch)

        return Start(launch, wrapped, ended)

    def close(self) -> None:
        self._layers.close()


class Unshare(_EnvironmentSandbox):
    """A mount namespace that the host itself makes, in about a millisecond."""

    kind: ClassVar[str] = "unshare"

    @classmethod
    def failure(cls) -> str:
        with tempfile.TemporaryDirectory() as temporary:
            return layers.view_failure(Path(temporary), layered=False)

    def __init__(self, environments: Path) -> None:
        super().__init__(environments)
        self._overlays: bool | None = None  # whether an environment can have a layer above it

    def _with_layer(self, launch: Launch, prepared: str) -> Launch:
        if self._overlays is None:
            self._layers.folder.mkdir(parents=True, exist_ok=True)
            failure = layers.view_failure(self._layers.folder, layered=True)
            self._overlays = not failure
            if failure:
                _log.warning("no overlay works here: %s. pip copies the environment", failure)
        if self._overlays:
            return layers.overlay(launch, prepared, self._layers.new())
        return super()._with_layer(launch, prepared)

    def warm(self, launch: Launch) -> Start:
        return self._started(_mounted(launch))

    def cold(self, launch: Launch, prepared: str) -> Start:
        return self._started(_mounted(launch))


class Bwrap(_EnvironmentSandbox):
    """A mount namespace that bubblewrap makes; it may be allowed where `unshare` is not."""

    kind: ClassVar[str] = "bwrap"

    @classmethod
    def failure(cls) -> str:
        if shutil.which("bwrap") is None:
            return "bwrap is not installed"
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary, "ml")
            folder.mkdir()
            (folder / "probe").touch()
            write_etc(Path(temporary), HOST_NAME, {HOST_NAME: LOOPBACK})
            command = _bwrap(str(folder), temporary, HOST_NAME)
            return layers.failure_of([*command, "test", "-e", f"{OPT_ML}/probe"])

    def __init__(self, environments: Path) -> None:
        super().__init__(environments)
        self.runs_warm = not Unshare.failure()  # bubblewrap cannot start a child of a warm host

    def warm(self, launch: Launch) -> Start:
        return self._started(_mounted(launch))

    def cold(self, launch: Launch, prepared: str) -> Start:
        command = [*_bwrap(launch["folder"], launch["etc"], launch["host"]), *launch["argv"]]
        directory = str(Path(launch["folder"]).parent)
        return self._started({**launch, "argv": command, "directory": directory}, wrapped=True)


class Relocate(_EnvironmentSandbox):
    """No namespace: paths below /opt/ml are replaced by those of the job's folder."""

    kind: ClassVar[str] = "relocate"

    @classmethod
    def failure(cls) -> str:
        return ""

    def inside(self, launch: Launch, image: Image, prepared: str) -> Launch:
        folder = launch["folder"]
        launch = super().inside(launch, image, prepared)
        relocate_drivers(Path(folder))
        return {
            **launch,
            "argv": [
                word.replace(DRIVERS, f"{folder}{DRIVERS.removeprefix(OPT_ML)}")
                for word in relocate(launch["argv"], Path(folder))
            ],
            "environment": {**relocate(launch["environment"], Path(folder)), "OPT_ML": folder},
            "directory": folder,
        }

    def warm(self, launch: Launch) -> Start:
        return self._started(launch)

    def cold(self, launch: Launch, prepared: str) -> Start:
        return self._started(launch)


def _mounted(launch: Launch) -> Launch:
    """The launch of a process that enters a mount namespace, built in the folder `opt`."""
    return {**launch, "mount": str(Path(launch["folder"]).with_name("opt"))}


def write_etc(folder: Path, host: str, hosts: Mapping[str, str]) -> None:
    """Write the files of /etc that a container has of its own into a folder.

    `hosts` is the machine's own with the job's names, which programs look up: AWS's
    sagemaker-training waits 15 minutes for an address. `hostname` is the container's name.

    Args:
        folder: Where they are written.
        host: The container's name.
        hosts: The addresses of the job's host names.
    """
    machine = Path("/etc/hosts")
    lines = [machine.read_text().rstrip() if machine.is_file() else f"{LOOPBACK} localhost"]
    lines += [f"{address} {name}" for name, address in hosts.items()]
    (folder / "hosts").write_text("\n".join(lines) + "\n")
    (folder / "hostname").write_text(f"{host}\n")


def _bwrap(folder: str, etc: str, host: str) -> list[str]:
    """The command prefix that does with bubblewrap what `enter` does with the same arguments."""
    opt = Path("/opt")
    entries = sorted(opt.iterdir()) if opt.is_dir() else []
    binds = [part for path in entries for part in ("--bind", str(path), str(path))]
    for name in ETC:
        if Path("/etc", name).is_file():  # else bubblewrap would create one outside
            binds += ["--ro-bind", str(Path(etc, name)), f"/etc/{name}"]
    return [
        *(shutil.which("bwrap") or "bwrap", "--unshare-uts", "--hostname", host),
        *("--dev-bind", "/", "/", "--tmpfs", "/opt"),
        *binds,
        *("--bind", folder, OPT_ML, "--chdir", OPT_ML, "--die-with-parent", "--"),
    ]


def variables(image: Image, built: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process in an image's environment.

    Args:
        image: The image.
        built: The folder of its environment.
        settings: The container's own variables, which win over inherited ones.
    """
    return {
        **inherited(),
        **image.file.environment,
        **settings,
        "VIRTUAL_ENV": built,
        # The image's own first, as it may bring a `train` of its own beside the toolkit's.
        "PATH": f"{image.bin}:{Path(built, 'bin')}:{SYSTEM_PATH}",
    }


def inherited() -> dict[str, str]:
    """The variables that a container takes from the environment that the emulator started in.

    A person's home (caches of downloaded weights), language, proxies, devices and where pip finds
    packages; not their AWS settings, their Python settings or anything else that AWS would not set.
    """
    names = {"HOME", "USER", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}
    names |= {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    names |= {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    names |= {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"}
    names |= {"PIP_TRUSTED_HOST", "PIP_CERT", "PIP_CONFIG_FILE"}
    taken = {k: v for k, v in os.environ.items() if k.upper() in names or k.startswith("LC_")}
    return taken | past_proxies()
