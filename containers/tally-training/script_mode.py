"""Script mode: runs a training script as AWS's own training images do.

The contract is that of the SageMaker training toolkit,
https://github.com/aws/sagemaker-training-toolkit. Hyperparameters are read from
`/opt/ml/input/config/hyperparameters.json`: `sagemaker_program` names the script,
`sagemaker_submit_directory` its location, and the script gets the others as `--name value`. The
`SM_*` variables name its folders (`script_variables.py`). The cause of a failure is written to
`/opt/ml/output/failure`.

The script runs in this process, so that a process which has already imported torch can run it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import zlib
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from script_variables import arguments, configuration, gpus, program_of, split, variables

if sys.version_info >= (3, 11, 4):
    import tarfile
else:  # Debian 12's Python, whose tarfile has no filters
    from backports import tarfile  # type: ignore[no-redef]

FAILURE_LENGTH = 1024  # characters that SageMaker keeps of a failure reason
# As AWS's toolkit: the name goes into a command line.
PROGRAM = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")
PORT = 29500  # of the first host, where the processes of several hosts meet


class ScriptModeError(Exception):
    """The job cannot run with its configuration; shown without a traceback."""


def main() -> int:
    """Run the job that the configuration describes; return the container's exit code."""
    # SIGTERM does not end the first process of a container unless it has a handler. A script that
    # has results to keep sets its own.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    root = Path(os.environ.get("OPT_ML", "/opt/ml"))
    try:
        hyperparameters = read_hyperparameters(root)
        code, program = fetch_code(root, hyperparameters)
        install_requirements(code)
        passed, reserved = split(hyperparameters)
        os.environ.update(variables(root, hyperparameters))
    except ScriptModeError as error:
        print(f"train: {error}", file=sys.stderr, flush=True)
        _write_failure(root, str(error))
        return 1
    for folder in ("model", "output/data"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    # As AWS does: the script runs in its folder, and what it starts can import what is there.
    os.chdir(code)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(code), os.environ.get("PYTHONPATH")))
    )
    if not program.endswith(".py"):
        return run_command(root, program, arguments(passed))
    launch = launcher(configuration(root, "resourceconfig.json"), reserved)
    if launch:
        return run_distributed(root, code / program, arguments(passed), launch)
    return run(root, code / program, arguments(passed))


def read_hyperparameters(root: Path) -> dict[str, Any]:
    """Read the job's hyperparameters and decode those that are JSON, once.

    SageMaker passes every value as text. The SDK writes JSON: strings have quotes, and True is
    `true`; other clients write plain text.

    Raises:
        ScriptModeError: the file is missing or contains no object.
    """
    file = root / "input" / "config" / "hyperparameters.json"
    try:
        raw = json.loads(file.read_text())
    except FileNotFoundError:
        raise ScriptModeError(f"{file} is missing; run this image as a training job") from None
    except ValueError as error:
        raise ScriptModeError(f"{file} is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise ScriptModeError(f"{file} contains no object of hyperparameters")
    return {name: _decode(value) for name, value in raw.items()}


def _decode(value: Any) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value


def fetch_code(root: Path, hyperparameters: dict[str, Any]) -> tuple[Path, str]:
    """Put the code into `/opt/ml/code`; return that folder and the script's name in it.

    Raises:
        ScriptModeError: the code or the script does not exist, or cannot be unpacked.
    """
    program = program_of(hyperparameters)
    if not program:
        raise ScriptModeError(
            "the hyperparameter sagemaker_program is missing; set it to the script's name, "
            "such as train.py"
        )
    if not PROGRAM.fullmatch(program) or {".", ".."} & set(program.split("/")):
        raise ScriptModeError(
            f"sagemaker_program {program!r} is no path in the code: letters, digits and ._+-/ "
            "alone, without . or .. between slashes, not beginning with - or /"
        )
    source = hyperparameters.get("sagemaker_submit_directory") or os.environ.get(
        "SAGEMAKER_SUBMIT_DIRECTORY"
    )
    code = root / "code"
    if source and Path(source).is_dir():
        if Path(source).resolve() != code.resolve():
            shutil.rmtree(code, ignore_errors=True)
            shutil.copytree(source, code)
    elif source:
        _unpack(str(source), code)
    if not (code / program).is_file():
        existing = ", ".join(sorted(path.name for path in code.glob("*"))) or "nothing"
        raise ScriptModeError(
            f"sagemaker_program '{program}' is not in {source or code}, which contains: {existing}"
        )
    if not (code / program).resolve().is_relative_to(code.resolve()):
        raise ScriptModeError(f"sagemaker_program '{program}' is a link that leads out of the code")
    return code, program


def install_requirements(code: Path) -> None:
    """Install the requirements.txt of the code, if it has one.

    Raises:
        ScriptModeError: pip cannot.
    """
    if not (code / "requirements.txt").is_file():
        return
    command = [sys.executable, "-m", "pip", "install", "-r", "requirements.txt"]
    if subprocess.run(command, cwd=code, check=False).returncode:
        raise ScriptModeError("requirements.txt of the code cannot be installed; see the log")
    importlib.invalidate_caches()


def _unpack(source: str, code: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(source)
        if source.startswith("s3://"):
            archive = Path(scratch) / "sourcedir.tar.gz"
            _download(source, archive)
        if not archive.is_file():
            raise ScriptModeError(f"sagemaker_submit_directory {source} does not exist")
        shutil.rmtree(code, ignore_errors=True)
        code.mkdir(parents=True)
        try:
            with tarfile.open(archive) as tar:
                # Links last and none in another, so that nothing is written through one: the
                # filter alone (nothing outside the folder, no devices) can be led out by links
                # (CVE-2025-4517).
                members = sorted(tar, key=tarfile.TarInfo.issym)
                _refuse_nested_links(members)
                tar.extractall(code, members, filter="data")
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise ScriptModeError(
                f"sagemaker_submit_directory {source} cannot be unpacked: {error}; "
                "it must be a tar.gz of the scripts"
            ) from None


def _refuse_nested_links(members: list[tarfile.TarInfo]) -> None:
    links = {PurePosixPath(member.name) for member in members if member.issym()}
    for member in members:
        if links.intersection(PurePosixPath(member.name).parents):
            raise tarfile.TarError(f"{member.name[:100]!r} is in a folder that is a link")


def _download(source: str, file: Path) -> None:
    import boto3  # only here: it takes a third of a second
    from botocore.exceptions import BotoCoreError, ClientError

    address = urlsplit(source)
    try:
        boto3.client("s3").download_file(address.netloc, address.path.lstrip("/"), str(file))
    except (BotoCoreError, ClientError) as error:
        raise ScriptModeError(
            f"sagemaker_submit_directory {source} cannot be downloaded: {error}"
        ) from None


def run(root: Path, script: Path, argv: list[str]) -> int:
    """Run the script as `__main__`; return its exit code."""
    print(f"Running {script.name} {shlex.join(argv)}", flush=True)
    sys.argv = [str(script), *argv]
    if script.parent != Path.cwd():
        sys.path.insert(0, str(Path.cwd()))
    sys.path.insert(0, str(script.parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as error:
        return _exit_code(root, script, error.code)
    except BaseException as error:
        traceback.print_exc()
        _write_failure(root, f"{script.name} failed with {type(error).__name__}: {error}")
        return 1
    return 0


def launcher(resources: dict[str, Any], reserved: dict[str, Any]) -> list[str]:
    """Options of torch's launcher for one process on each GPU; empty if one process is enough.

    Args:
        resources: resourceconfig.json: all hosts, and the name of this one.
        reserved: hyperparameters of script mode; sagemaker_processes_per_host sets a number.
    """
    hosts = sorted(resources.get("hosts", ["algo-1"]))
    processes = int(reserved.get("sagemaker_processes_per_host") or max(gpus(), 1))
    if len(hosts) * processes == 1:
        return []
    options = [f"--nnodes={len(hosts)}", f"--nproc-per-node={processes}"]
    if len(hosts) == 1:
        return [*options, "--standalone"]
    rank = hosts.index(resources.get("current_host", hosts[0]))
    return [*options, f"--node-rank={rank}", f"--master-addr={hosts[0]}", f"--master-port={PORT}"]


def run_distributed(root: Path, script: Path, argv: list[str], options: list[str]) -> int:
    """Run the script in several processes, which end together; return the exit code."""
    command = [sys.executable, "-m", "torch.distributed.run", *options, str(script), *argv]
    print(f"Running {shlex.join(command[1:])}", flush=True)
    return _exit_code(root, script, _run_processes(command))


def run_command(root: Path, program: str, argv: list[str]) -> int:
    """Run a program of the code that is no Python script (train.sh); return its exit code."""
    Path(program).chmod(0o777)
    print(f"Running {program} {shlex.join(argv)}", flush=True)
    command = ["/bin/sh", "-c", f"./{program} {shlex.join(argv)}"]
    return _exit_code(root, Path(program), _run_processes(command))


def _run_processes(command: list[str]) -> int:
    """Run a program and give its children a SIGTERM that comes meanwhile; return its exit code."""
    import psutil  # only here: a single process does not need it

    with subprocess.Popen(command) as processes:
        launched = psutil.Process(processes.pid)

        def forward(number: int, frame: FrameType | None) -> None:
            # Not to torch's launcher, which kills a script that takes 30 s to save its model.
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                for process in launched.children() or [launched]:
                    process.send_signal(number)

        signal.signal(signal.SIGTERM, forward)
        return processes.wait()


def _exit_code(root: Path, script: Path, code: object) -> int:
    if code is None or code == 0:
        return 0
    if isinstance(code, int):
        _write_failure(root, f"{script.name} ended with exit code {code}; see the job's log")
        return code
    print(code, file=sys.stderr, flush=True)  # sys.exit("a message")
    _write_failure(root, str(code))
    return 1


def _write_failure(root: Path, message: str) -> None:
    """Write the failure reason for SageMaker, unless the script already did."""
    file = root / "output" / "failure"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(message[:FAILURE_LENGTH])
