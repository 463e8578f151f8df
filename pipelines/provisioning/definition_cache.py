"""Compiled definitions, kept under `.tally/definitions/` and named after all they are made from.

An unchanged upsert takes its definition from there and never imports the SageMaker SDK.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import UserError
from pipelines.root import ROOT, environment
from pipelines.settings.model import Settings
from pipelines.upload.code import Bundle

FOLDER = ROOT / ".tally" / "definitions"
MAX_FILES = 20
MAIN, WATCH = "pipelines.definition", "pipelines.watch_definition"  # modules that compile one


class CompileError(UserError):
    """The definition does not compile."""


def definition(settings: Settings, code: Mapping[str, Bundle], module: str = MAIN) -> str:
    """The compiled definition, compiled now unless it is kept already.

    Args:
        settings: Resolved settings.
        code: The bundle of each step.
        module: What compiles it.

    Raises:
        CompileError: The definition does not compile.
    """
    file = kept_file(settings, code, module)
    if file.is_file():
        file.touch()
        return file.read_text()
    print("Compiling the definition takes a few seconds.", file=sys.stderr)
    text = _compile(settings, module)
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Renamed when complete, so that an interrupted write is never read.
    written = file.with_suffix(f".{os.getpid()}")
    written.write_text(text)
    written.replace(file)
    by_age = sorted(FOLDER.glob("*.json"), key=lambda kept: kept.stat().st_mtime)
    for old in by_age[:-MAX_FILES]:
        old.unlink(missing_ok=True)
    return text


def kept_file(settings: Settings, code: Mapping[str, Bundle], module: str = MAIN) -> Path:
    """Where the definition of these settings and this code is kept, whether or not it is there."""
    digest = hashlib.sha256(f"{module}\0{settings.model_dump_json()}".encode())
    for name, bundle in sorted(code.items()):
        digest.update(f"{name}={bundle.sha}".encode())
    # The lock file has the SDK's version.
    schemas = sorted((ROOT / "steps" / "schemas").glob("*.json"))  # shown in the model card
    for file in [*sorted((ROOT / "pipelines").rglob("*.py")), *schemas, ROOT / "requirements.txt"]:
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    # A default that is a local folder is compiled as an address that depends on the folder's path.
    digest.update(str(ROOT).encode())
    return FOLDER / f"{digest.hexdigest()[:16]}.json"


def _compile(settings: Settings, module: str) -> str:
    """Compile in a process of its own.

    The SDK changes the root logger, reads the environment when it is imported and uses some hundred
    MB; none of it should stay while an execution is watched.
    """
    process = subprocess.run(
        [sys.executable, "-m", module],
        input=settings.model_dump_json(),
        env=environment(),
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise CompileError(f"The definition does not compile:\n{process.stderr.strip()}")
    return process.stdout
