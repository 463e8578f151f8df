"""Where a suite comes from: a revision of a public repository, cloned or from a given clone."""

import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class SourceError(Exception):
    """A suite cannot be fetched; the message is for the person who runs it."""


@dataclass(frozen=True)
class Source:
    """A revision of a repository, and what of it is needed.

    Attributes:
        repository: Its address, for `git clone`.
        revision: A tag, a branch, or a commit's whole name.
        paths: The files and folders that are copied.
        replacements: What the copies of tests have replaced, as regular expressions: regions that
            the emulator does not have, and values that AWS refuses.
    """

    repository: str
    revision: str
    paths: tuple[str, ...]
    replacements: tuple[tuple[str, str], ...] = ()

    def clone_with(self, clones: Sequence[Path]) -> Path | None:
        """The first of some clones that has the revision, if one has."""
        for clone in clones:
            command = ["git", "-C", str(clone), "cat-file", "-e", f"{self.revision}^{{commit}}"]
            if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
                return clone
        return None

    def fetch(self, cache: Path, clone: Path | None, copy: Path | None = None) -> Path:
        """A folder with a fresh copy of the files.

        Args:
            cache: Clones and copies are made in it.
            clone: A clone that is there already, with or without a work tree; else one is made.
            copy: The folder, if not one that is named after the repository.

        Raises:
            SourceError: There is no such repository or revision.
        """
        name = self.repository.rpartition("/")[2]
        clone = clone or self._cloned(cache / f"{name}-{self.revision}.git")
        copy = copy or cache / f"{name}-{self.revision}"
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
        bare, branch = ["--quiet", "--bare"], ["--depth", "1", "--branch", self.revision]
        commands = [["git", "clone", *bare, *branch, self.repository, str(clone)]]
        if re.fullmatch(r"[0-9a-f]{40}", self.revision):  # which `git clone` takes for no branch
            fetch = ["fetch", "--quiet", "--depth", "1", self.repository, self.revision]
            commands = [["git", "init", *bare, str(clone)], ["git", "-C", str(clone), *fetch]]
        for command in commands:
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
            if done.returncode == 0:
                continue
            shutil.rmtree(clone, ignore_errors=True)
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
