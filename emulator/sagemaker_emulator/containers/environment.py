"""The uv environment that stands for an image's installed packages."""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from sagemaker_emulator import programs
from sagemaker_emulator.containers.image import Image, all_in

Log = Callable[[str], None]
# Runs a program with these variables to its end, gives each line that it prints to a log, and
# returns its exit code and its lines.
Run = Callable[[Sequence[str], Mapping[str, str], Log], tuple[int, list[str]]]
_PRIVATE_LAYER = Path(__file__).with_name("private_layer.py")
_DIFFERENCES = "differences-from-aws.txt"  # in an environment


class EnvironmentFailed(Exception):
    """uv could not build an image's environment."""


@dataclass(frozen=True)
class Build:
    """What a build needs of whoever asks for it.

    Attributes:
        log: Takes one line of progress at a time.
        run: Runs a program; it raises what `check` raises if the build is to end meanwhile.
        check: Called while the build waits; whatever it raises ends the build.
    """

    log: Log
    run: Run
    check: Callable[[], None] = lambda: None


def path_of(image: Image, environments: Path) -> Path:
    """The folder of the image's environment, whose name holds two hashes.

    The first is of what the image's folder holds, the second of what its tag makes of that.

    Raises:
        ImageError: The tag does not say a version that the image needs.
    """
    of_tag = f"{image.packages}\n{image.preferred_python}".encode()
    return environments / (_of_folder(image) + hashlib.sha256(of_tag).hexdigest()[:6])


def _of_folder(image: Image) -> str:
    """What the names of the environments of an image's folder begin with; 6 digits are to come."""
    built_from = _PRIVATE_LAYER.read_bytes() + image.requirements.read_bytes()
    built_from += platform.python_version().encode() + image.python.encode()
    if image.overrides.is_file():
        built_from += image.overrides.read_bytes()
    return f"{image.label}-{hashlib.sha256(built_from).hexdigest()[:6]}"


def ensure(image: Image, environments: Path, build: Build) -> Path:
    """Return the image's environment, building it the first time.

    It is built under another name and renamed when complete, so an existing environment is whole.
    A file lock keeps two jobs, or two emulators, from building the same one.

    Args:
        image: The image.
        environments: The folder of all environments.
        build: How to run programs, and when to end.

    Raises:
        EnvironmentFailed: uv failed; the message is uv's, with the requirements file.
    """
    target = path_of(image, environments)
    if target.is_dir():
        return target
    environments.mkdir(parents=True, exist_ok=True)
    with (environments / f".{target.name}.lock").open("w") as lock:
        _wait_for(lock, build.check)
        if target.is_dir():
            return target
        build.log(f"Building the environment of image {image.name} from {image.requirements}")
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=environments))
        try:
            _build(image, building, build)
            (building / _DIFFERENCES).write_text(_differences(image, building))
            building.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return target


def _wait_for(lock: IO[str], check: Callable[[], None]) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:  # another job builds it
            check()
            time.sleep(0.05)


def interpreter(image: Image) -> str:
    """The Python of an image's environment, as uv takes it.

    It is that of AWS's image if uv finds it on this machine, else the emulator's own, if the image
    allows them; else uv finds or fetches one.

    Raises:
        EnvironmentFailed: The image's python.txt is not a version range.
    """
    try:
        allowed = SpecifierSet(image.python)
    except InvalidSpecifier as error:
        path = image.folder / "python.txt"
        raise EnvironmentFailed(f"{path} is not like '>=3.11,<3.13': {error}") from None
    if image.preferred_python and (found := _installed(image.preferred_python, allowed)):
        return found
    return sys.executable if allowed.contains(platform.python_version()) else image.python


def _installed(python: str, allowed: SpecifierSet) -> str:
    """A Python of this machine, such as `3.10`, if there is one that is allowed; or empty."""
    if platform.python_version().startswith(f"{python}.") or not allowed.contains(f"{python}.99"):
        return ""
    uv = programs.find("uv", "uv")
    if uv is None:
        return ""
    command = [uv, "--no-config", "python", "find", "--system", "--no-python-downloads", python]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else ""


def differences(environment: Path) -> str:
    """How an environment differs from AWS's image, in one line; empty if it does not."""
    file = environment / _DIFFERENCES
    return file.read_text() if file.is_file() else ""


def _differences(image: Image, folder: Path) -> str:
    have = {
        canonicalize_name(name): version
        for path in folder.glob("lib/python*/site-packages/*.dist-info")
        for name, _, version in [path.stem.partition("-")]
    }
    aws = [("Python", _python_of(folder), image.preferred_python)]
    aws += [
        (name, have.get(canonicalize_name(name), "missing"), version)
        for name, version in image.file.packages.items()
    ]
    told = [
        f"{name} {mine} instead of {version}"
        for name, mine, version in aws
        if version and mine != version and not mine.startswith((f"{version}.", f"{version}+"))
    ]
    return f"Image {image.name}:{image.tag} differs from AWS's: {', '.join(told)}" if told else ""


def _python_of(folder: Path) -> str:
    lines = (folder / "pyvenv.cfg").read_text().splitlines()
    values = dict(line.split(" = ", 1) for line in lines if " = " in line)
    return values.get("version_info", platform.python_version())


def prune(images: Path, environments: Path) -> list[str]:
    """Delete the environments that an image of the folder had before its requirements changed.

    Environments of other images stay, as another folder of images may be used again. What a killed
    server had half built is deleted, too, so no server may be building.

    Returns:
        The names of the deleted environments.
    """
    current = {image.label: _of_folder(image) for image in all_in(images)}
    for half_built in environments.glob(".*-" + "[0-9a-f]" * 12 + ".*"):
        if half_built.is_dir():
            shutil.rmtree(half_built, ignore_errors=True)
    deleted = []
    for folder in sorted(environments.glob("*-" + "[0-9a-f]" * 12)):
        if folder.name[:-6] != current.get(folder.name[:-13], folder.name[:-6]):
            shutil.rmtree(folder, ignore_errors=True)
            (environments / f".{folder.name}.lock").unlink(missing_ok=True)
            deleted.append(folder.name)
    return deleted


def _build(image: Image, folder: Path, build: Build) -> None:
    python = interpreter(image)
    # Relocatable: the scripts that uv installs must survive the rename.
    venv = ["venv", "--quiet", "--relocatable", "--allow-existing", "--python", python, str(folder)]
    try:
        _uv(image, venv, build)
    except EnvironmentFailed as error:
        if python == sys.executable:
            raise
        raise EnvironmentFailed(
            f"image {image.name!r} needs Python {image.python} and the emulator runs on "
            f"{platform.python_version()}; uv found no other on this machine and could not fetch "
            f"one. Install such a Python, so that uv finds it on PATH. {error}"
        ) from None
    install = ["pip", "install", "--python", str(folder / "bin" / "python")]
    # It has pip, as images do: the SDK lets a job install its own requirements.txt. It comes before
    # the image's packages, which may pin another pip, or hashes that this one lacks.
    _uv(image, [*install, "pip", *_find_links()], build)
    for packages in folder.glob("lib/python*/site-packages"):
        shutil.copy(_PRIVATE_LAYER, packages / "emulator_layer.py")
        (packages / "emulator_layer.pth").write_text("import emulator_layer\n")
    requirements, pins = image.requirements, image.packages
    if not pins:  # uv warns about an empty file
        return
    if pins != requirements.read_text():
        requirements = folder / "requirements.txt"
        requirements.write_text(pins)
    install += ["-r", str(requirements)]
    if image.overrides.is_file():
        install += ["--override", str(image.overrides)]
    _uv(image, install + _find_links(), build)


def _uv(image: Image, arguments: list[str], build: Build) -> None:
    uv = programs.find("uv", "uv")
    if uv is None:
        raise EnvironmentFailed(f"uv is not installed; run: {sys.executable} -m pip install uv")
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    if not _find_links():
        environment.setdefault("UV_TORCH_BACKEND", "auto")  # no CUDA where there is no GPU
    command = [uv, "--no-progress", "--no-config", *arguments]
    code, output = build.run(command, environment, lambda line: build.log(f"uv: {line}"))
    if code:
        raise EnvironmentFailed(
            f"the environment of image {image.name!r} could not be built from "
            f"{image.requirements}. uv reported:\n" + "\n".join(output[-20:])
        )


def _find_links() -> list[str]:
    """The folders of wheels in pip's configuration, which uv does not read."""
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
    if links is None:
        # uv's environments have no pip, but the Python that they were made from mostly has one.
        python = str(Path(sys.base_prefix) / "bin" / "python3")
        command = [python, "-m", "pip", "config", "get", "global.find-links"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        links = found.stdout if found.returncode == 0 else ""
    return [part for link in links.replace(",", " ").split() for part in ("--find-links", link)]
