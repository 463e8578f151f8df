"""A model.tar.gz and the model in it, loaded by the program in the archive."""

from __future__ import annotations

import gzip
import importlib
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from counts import Classes
from evaluation.errors import EvaluationError

if sys.version_info >= (3, 11, 4):
    import tarfile
else:  # Debian 12's Python, whose tarfile has no filters
    from backports import tarfile  # type: ignore[no-redef]

NAME = "model.tar.gz"
NEEDED = ("model.json", "model.pt", "code/inference.py", "code/network.py")


@dataclass(frozen=True)
class LoadedModel:
    """A model, the program that predicts with it, and the folder that holds both."""

    folder: Path
    classes: Classes
    program: ModuleType
    model: Any

    @property
    def rule(self) -> Any:
        """Its rule for decisions; None if its training fitted none."""
        return getattr(self.model, "rule", None)


def load(channel: Path, into: Path) -> LoadedModel:
    """Unpack and load the model of an input channel.

    Args:
        channel: the folder that holds model.tar.gz.
        into: the folder to unpack it in; empty or missing.

    Raises:
        EvaluationError: the archive is missing, damaged, unsafe, incomplete or does not load.
    """
    archive = channel / NAME
    if not archive.is_file():
        found = ", ".join(sorted(file.name for file in channel.glob("*"))[:5]) or "nothing"
        raise EvaluationError(f"no {NAME} in {channel} (found: {found}); it is what Train wrote")
    _unpack(archive, into)
    missing = [name for name in NEEDED if not (into / name).is_file()]
    if missing:
        raise EvaluationError(
            f"{archive} lacks {', '.join(missing)}, so it is no model of this pipeline's training"
        )
    try:
        settings = json.loads((into / "model.json").read_text())
        classes = Classes(
            tuple(int(count) for count in settings["classes"]), bool(settings.get("or_more"))
        )
        with _programs_of(into / "code"):
            program = importlib.import_module("inference")
            return LoadedModel(into, classes, program, program.model_fn(str(into)))
    # The archive's own code runs here, and may raise anything, or try to leave.
    except (Exception, SystemExit) as error:
        raise EvaluationError(
            f"the model in {archive} does not load: {type(error).__name__}: {error}"
        ) from error


def reference(loaded: LoadedModel) -> LoadedModel | None:
    """The same model in PyTorch; None if its program offers nothing else.

    Raises:
        EvaluationError: it does not load.
    """
    if not hasattr(loaded.program, "reference_fn"):
        return None
    with _in_pytorch(loaded):
        return replace(loaded, model=loaded.program.reference_fn(str(loaded.folder)))


def network(loaded: LoadedModel) -> Any:
    """The model's network in PyTorch, from pixels to probabilities; None if there is none.

    Of a model with a rule it also has `join`, which judges stock records without the photo.

    Raises:
        EvaluationError: it does not load.
    """
    engine = getattr(loaded.program, "engine", None)
    if engine is None or not hasattr(engine, "module"):
        return None
    settings = json.loads((loaded.folder / "model.json").read_text())
    with _in_pytorch(loaded):
        return engine.module(loaded.folder, settings)


@contextmanager
def _in_pytorch(loaded: LoadedModel) -> Iterator[None]:
    """Turn whatever the archive's own code raises while it loads into an EvaluationError."""
    try:
        with _programs_of(loaded.folder / "code"):
            yield
    except (Exception, SystemExit) as error:
        raise EvaluationError(
            f"the model does not load in PyTorch: {type(error).__name__}: {error}"
        ) from error


def _unpack(archive: Path, into: Path) -> None:
    try:
        with gzip.open(archive) as whole, tarfile.open(fileobj=whole, mode="r|") as tar:
            tar.extractall(into, filter=_without_links)
            # tarfile takes a damaged header for the end; gzip's checksum comes at the very end.
            while whole.read(1 << 20):
                pass
    except tarfile.FilterError as error:
        raise EvaluationError(f"{archive} is not safe to unpack: {error}") from error
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise EvaluationError(f"{archive} is not a readable {NAME}: {error}") from error


def _without_links(member: tarfile.TarInfo, into: str) -> tarfile.TarInfo | None:
    """Refuse links, of which a model has none, and what tarfile's own filter refuses.

    That filter alone can be led out of the folder by links in links (CVE-2025-4517).
    """
    if member.issym() or member.islnk():
        raise tarfile.FilterError(f"{member.name[:100]!r} is a link; a model has files only")
    return tarfile.data_filter(member, into)


@contextmanager
def _programs_of(code: Path) -> Iterator[None]:
    """Import from a model's own code, and forget its modules again.

    Two models ship files of the same names, and this process may have modules of those names
    already; each model must get its own.
    """
    resolved = code.resolve()
    own = {file.stem for file in resolved.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in own & set(sys.modules)}
    sys.path.insert(0, str(resolved))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(resolved))
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(resolved):
                del sys.modules[name]
        sys.modules.update(others)
