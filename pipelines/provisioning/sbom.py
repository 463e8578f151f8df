"""The bill of materials of an image: its packages with licences and hashes, as CycloneDX JSON.

It is made from the image's lock, which the Dockerfile installs completely and by hash; licences are
those that the locked packages name themselves. The base image is one component, by its digest: what
it holds is for its publisher's bill and for ECR's scan.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from pipelines.errors import UserError
from pipelines.provisioning.base_images import BaseImage

PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?P<rest>(?:[^\n]*\\\n)*[^\n]*)", re.M)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# What an image is: the packages of these are unpacked to read their licences, and never run.
TARGET = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28")


@dataclass(frozen=True)
class Package:
    """A package of a lock; `hashes` are those of all files of its version, and may be none."""

    name: str
    version: str
    hashes: tuple[str, ...]


def packages(lock: Path) -> list[Package]:
    """The packages of an image's requirements.txt."""
    return [
        Package(pin["name"], pin["version"], tuple(HASH.findall(pin["rest"])))
        for pin in PIN.finditer(lock.read_text())
    ]


def licences(lock: Path) -> dict[str, str]:
    """The licence of each package that its lock has a hash of, by name, as the package names it.

    The packages are downloaded, or come from uv's cache, for the platform of an image.

    Raises:
        UserError: uv cannot fetch one of them as it was locked.
    """
    hashed = [package for package in packages(lock) if package.hashes]
    with tempfile.TemporaryDirectory() as scratch:
        wanted, target = Path(scratch, "requirements.txt"), Path(scratch, "packages")
        wanted.write_text("".join(_requirement(package) for package in hashed))
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
        options = ("--quiet", "--no-config", "--no-deps", "--require-hashes", *TARGET)
        only = ("--only-binary", ":all:", "--target", str(target))
        command = [uv, "pip", "install", *options, *only, "-r", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"The packages of {lock} cannot be fetched:\n{done.stderr.strip()}")
        return dict(_named_licences(target))


def render(image: str, lock: Path, base: BaseImage, named: Mapping[str, str]) -> str:
    """The bill of an image, as CycloneDX 1.6 in JSON; the same for the same image.

    Args:
        image: Its name and tag, such as tally-inference:0123456789abcdef.
        lock: Its requirements.txt.
        base: The image that it starts from.
        named: Licences by package, from `licences`.
    """
    name, _, tag = image.partition(":")
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, image))
    bom.metadata.component = Component(
        type=ComponentType.CONTAINER, name=name, version=tag, bom_ref=image
    )
    bom.components.add(
        Component(
            type=ComponentType.CONTAINER, name=base.name, version=base.digest or None,
            bom_ref=f"base:{base.name}",
            properties=[] if base.digest else [Property(name="tally:base", value="not pinned")],
        )
    )  # fmt: skip
    for package in packages(lock):
        bom.components.add(_component(package, named.get(package.name, "")))
    bom.register_dependency(bom.metadata.component, bom.components)
    bom.metadata.timestamp = None  # type: ignore[assignment]  # else each bill would be another
    return JsonV1Dot6(bom).output_as_string(indent=1)


def _component(package: Package, licence: str) -> Component:
    named = LicenseFactory().make_from_string(
        licence, license_acknowledgement=LicenseAcknowledgement.DECLARED
    )
    purl = PackageURL("pypi", name=package.name, version=package.version)
    return Component(
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=[named] if licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in package.hashes],
    )


def _requirement(package: Package) -> str:
    hashes = " ".join(f"--hash=sha256:{one}" for one in package.hashes)
    return f"{package.name}=={package.version} {hashes}\n"


def _named_licences(target: Path) -> Iterator[tuple[str, str]]:
    for distribution in metadata.distributions(path=[str(target)]):
        licence = _licence(distribution)
        if licence:
            yield re.sub(r"[-_.]+", "-", distribution.name).lower(), licence


def _licence(distribution: metadata.Distribution) -> str:
    """The SPDX expression of a package, else its short licence, else what its classifiers name."""
    fields = distribution.metadata
    expression, short = (
        next(iter(fields.get_all(name) or ()), "") for name in ("License-Expression", "License")
    )
    if expression or (short and "\n" not in short and len(short) <= 60 and short != "UNKNOWN"):
        return expression or short.strip()
    classifiers = [
        value.rpartition(" :: ")[2]
        for value in fields.get_all("Classifier") or ()
        if value.startswith("License :: ")
    ]
    return " and ".join(classifiers)
