"""The code of each step, as a bundle with an address that its content determines.

An unchanged script keeps its address, so SageMaker's step cache sees unchanged arguments, and two
compilations of unchanged code give the same definition. What is uploaded is not imported here, but
for the few modules of `pipelines/steps.py`.
"""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import NAME
from pipelines.errors import UserError
from pipelines.root import ROOT
from pipelines.settings.model import Settings
from pipelines.steps import model_code

if TYPE_CHECKING:
    import boto3

STEPS = ROOT / "steps"
RECORDS = ("wrong_records.py", "record_errors.py", "decision.py", "counts.py", "record.py")
CONTENTS = {
    "prepare": (
        "prepare.py",
        "preparation",
        "audit_finding.py",
        "audits.py",
        "bin_files.py",
        "bin_table.py",
        "counts.py",
        "file_names.py",
        "photo.py",
        "photo_jpeg.py",
        "photo_png.py",
        "pixels.py",
        "processing_job.py",
        "record.py",
    ),
    "train": (
        "train.py",
        "training",
        "audit_finding.py",
        *model_code.FILES,
        "model_code.py",
        "plotting.py",
        "styles",
        "wrong_records.py",
    ),
    "evaluate": (
        "evaluate.py",
        "evaluation",
        "audit_finding.py",
        "plotting.py",
        "processing_job.py",
        "styles",
        "watching/__init__.py",
        "watching/baseline.py",
        "watching/measures.py",
        *RECORDS,
    ),
}
# Of the pipeline that watches the endpoint.
WATCH_CONTENTS = {
    "watch": (
        "watch.py",
        "watching",
        "styles",
        "audited_shares.py",
        "audits.py",
        "counts.py",
        "file_names.py",
        "processing_job.py",
        "record.py",
    ),
}
TARBALL = "sourcedir.tar.gz"


class CodeError(UserError):
    """The code of a step is incomplete."""


@dataclass(frozen=True)
class Bundle:
    """The files that one step runs.

    Attributes:
        name: `prepare`, `train`, `evaluate` or `watch`; or `weights`, for pretrained weights.
        files: Content by path, sorted by path.
        packed: Upload one tarball (script mode) rather than files (processing).
    """

    name: str
    files: tuple[tuple[str, bytes], ...]
    packed: bool

    @cached_property
    def sha(self) -> str:
        """The hash that names the bundle."""
        return content_hash(self.files)

    def prefix(self, settings: Settings) -> str:
        """The bundle's s3:// address, with a slash at the end."""
        return f"s3://{settings.bucket_name}/{self._key}/"

    def tarball(self, settings: Settings) -> str:
        """The address of the packed bundle, for `sagemaker_submit_directory`."""
        return self.prefix(settings) + TARBALL

    def upload(self, session: "boto3.Session", settings: Settings) -> bool:
        """Upload the bundle unless the bucket has it; return whether it was uploaded.

        The last file is checked for and sent last, so an interrupted upload is repeated.
        """
        s3 = session.client("s3")
        objects = ((TARBALL, self.pack()),) if self.packed else self.files
        if not objects:
            return False
        response = s3.list_objects_v2(
            Bucket=settings.bucket_name, Prefix=f"{self._key}/{objects[-1][0]}", MaxKeys=1
        )
        if response.get("Contents"):
            return False
        for path, content in objects:
            s3.put_object(Bucket=settings.bucket_name, Key=f"{self._key}/{path}", Body=content)
        return True

    def pack(self) -> bytes:
        """A .tar.gz whose bytes depend on paths and contents only."""
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path, content in self.files:
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o644
                tar.addfile(entry, io.BytesIO(content))
        return packed.getvalue()

    @property
    def _key(self) -> str:
        return f"{NAME}/code/{self.name}/{self.sha}"


def content_hash(files: Iterable[tuple[str, bytes]]) -> str:
    """The first sixteen digits of the SHA-256 of paths and contents."""
    digest = hashlib.sha256()
    for path, content in files:
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def bundles(
    steps: Path = STEPS, contents: Mapping[str, tuple[str, ...]] = CONTENTS
) -> dict[str, Bundle]:
    """The bundle of each step, by name.

    Args:
        steps: The folder with the scripts.
        contents: The scripts of each step: `CONTENTS`, or `WATCH_CONTENTS`.

    Raises:
        CodeError: A script is missing.
    """
    return {
        name: Bundle(name, tuple(_read(steps, scripts)), packed=name == "train")
        for name, scripts in contents.items()
    }


def _read(steps: Path, contents: tuple[str, ...]) -> list[tuple[str, bytes]]:
    files = []
    for entry in contents:
        path = steps / entry
        if path.suffix and not path.is_file():
            raise CodeError(f"A step's script is missing: {path}.")
        files += [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sorted(
        (file.relative_to(steps).as_posix(), file.read_bytes())
        for file in files
        if "__pycache__" not in file.parts and file.suffix != ".pyc"
    )
