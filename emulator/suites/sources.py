"""Where a suite comes from: a tag of a public repository, cloned or exported from a given clone."""

import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path


class SourceError(Exception):
    """A suite cannot be fetched; the message is for the person who runs it."""


@dataclass(frozen=True)
class Source:
    """A revision of a repository, and what of it is needed.

    Attributes:
        repository: Its address, for `git clone`.
        revision: A tag or a branch.
        paths: The files and folders that are copied.
        replacements: What the copies of tests have replaced, as regular expressions: regions that
            the emulator does not have, and values that AWS refuses.
    """

    repository: str
    revision: str
    paths: tuple[str, ...]
    replacements: tuple[tuple[str, str], ...] = ()

    def fetch(self, cache: Path, clone: Path | None) -> Path:
        """A folder with a fresh copy of the files.

        Args:
            cache: Clones and copies are made in it.
            clone: A clone that is there already, with or without a work tree; else one is made.

        Raises:
            SourceError: There is no such repository or revision.
        """
        name = self.repository.rpartition("/")[2]
        clone = clone or self._cloned(cache / f"{name}-{self.revision}.git")
        copy = cache / f"{name}-{self.revision}"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        with tempfile.TemporaryFile() as archive:
            command = ["git", "-C", str(clone), "archive", self.revision, *self.paths]
            done = subprocess.run(command, stdout=archive, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                raise SourceError(
                    f"{clone} has no {', '.join(self.paths)} at {self.revision}: "
                    f"{_reason(done.stderr)}. Give a clone of {self.repository} that has it"
                )
            archive.seek(0)
            with tarfile.open(fileobj=archive) as files:
                files.extractall(copy, filter="data")
        for file in copy.rglob("*.py") if self.replacements else ():
            if "tests" in file.relative_to(copy).parts:
                self._replace(file)
        return copy

    def _cloned(self, clone: Path) -> Path:
        if clone.exists():
            return clone
        clone.parent.mkdir(parents=True, exist_ok=True)
        command = ["git", "clone", "--quiet", "--bare", "--depth", "1"]
        command += ["--branch", self.revision, self.repository, str(clone)]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SourceError(
                f"{self.repository} cannot be cloned: {_reason(done.stderr)}. "
                "Clone it where it can be, and give the folder: SOURCE=folder"
            )
        return clone

    def _replace(self, file: Path) -> None:
        before = after = file.read_text()
        for pattern, replacement in self.replacements:
            after = re.sub(pattern, replacement, after)
        if after != before:
            file.write_text(after)


def _reason(output: str) -> str:
    """The line in which git says why it failed."""
    lines = [line for line in output.splitlines() if line.startswith("fatal: ")]
    return lines[0].removeprefix("fatal: ") if lines else output.strip()
