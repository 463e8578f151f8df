"""Script mode: runs a training script as AWS's own training images do.

The contract is that of the SageMaker training toolkit. Hyperparameters are read from
`/opt/ml/input/config/hyperparameters.json`: `sagemaker_program` names the script,
`sagemaker_submit_directory` its location, and the script gets the others as `--name value`. The
`SM_*` variables name its folders. The cause of a failure is written to `/opt/ml/output/failure`.

The script runs in this process, so that a process which has already imported torch can run it.
"""

from __future__ import annotations

import contextlib
import json
import os
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

if sys.version_info >= (3, 11, 4):
    import tarfile
else:  # Debian 12's Python, whose tarfile has no filters
    from backports import tarfile  # type: ignore[no-redef]

FAILURE_LENGTH = 1024  # characters that SageMaker keeps of a failure reason
# Prefixes of the hyperparameters of script mode and of the service, which the script does not get.
RESERVED = ("sagemaker_", "_tuning_")
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
        script = fetch_code(root, hyperparameters)
        reserved = {
            name: value for name, value in hyperparameters.items() if name.startswith(RESERVED)
        }
        passed = {name: value for name, value in hyperparameters.items() if name not in reserved}
        os.environ.update(variables(root, script, passed, reserved))
    except ScriptModeError as error:
        print(f"train: {error}", file=sys.stderr, flush=True)
        _write_failure(root, str(error))
        return 1
    for folder in ("model", "output/data"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    launch = launcher(_configuration(root, "resourceconfig.json"), reserved)
    if launch:
        return run_distributed(root, script, arguments(passed), launch)
    return run(root, script, arguments(passed))


def read_hyperparameters(root: Path) -> dict[str, Any]:
    """Read the job's hyperparameters and decode those that are JSON.

    SageMaker passes every value as text. The SDK writes JSON: strings have quotes, and True is
    `true`; other clients write plain text. A tuner adds quotes to its choices once more.

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
    while isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return value


def fetch_code(root: Path, hyperparameters: dict[str, Any]) -> Path:
    """Unpack the code into `/opt/ml/code` and return the script's path.

    Raises:
        ScriptModeError: the code or the script does not exist, or cannot be unpacked.
    """
    program = hyperparameters.get("sagemaker_program") or os.environ.get("SAGEMAKER_PROGRAM")
    if not program:
        raise ScriptModeError(
            "the hyperparameter sagemaker_program is missing; set it to the script's name, "
            "such as train.py"
        )
    source = hyperparameters.get("sagemaker_submit_directory") or os.environ.get(
        "SAGEMAKER_SUBMIT_DIRECTORY"
    )
    code = root / "code"
    if source and Path(source).is_dir():
        code = Path(source)
    elif source:
        _unpack(str(source), code)
    script = code / program
    if not script.is_file():
        existing = ", ".join(sorted(path.name for path in code.glob("*"))) or "nothing"
        raise ScriptModeError(
            f"sagemaker_program '{program}' is not in {source or code}, which contains: {existing}"
        )
    return script


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


def variables(
    root: Path, script: Path, passed: dict[str, Any], reserved: dict[str, Any]
) -> dict[str, str]:
    """The `SM_*` variables, under the names that AWS documents for script mode.

    Args:
        root: /opt/ml, or its replacement.
        script: the script to run.
        passed: hyperparameters of the script.
        reserved: hyperparameters of script mode.
    """
    resources = _configuration(root, "resourceconfig.json")
    channels = _configuration(root, "inputdataconfig.json")
    data = root / "input" / "data"
    names = sorted(set(channels) | {folder.name for folder in data.glob("*") if folder.is_dir()})
    hosts = resources.get("hosts", ["algo-1"])
    values: dict[str, Any] = {
        "SM_MODEL_DIR": root / "model",
        "SM_INPUT_DIR": root / "input",
        "SM_INPUT_CONFIG_DIR": root / "input" / "config",
        "SM_INPUT_DATA_CONFIG": channels,
        "SM_OUTPUT_DIR": root / "output",
        "SM_OUTPUT_DATA_DIR": root / "output" / "data",
        "SM_OUTPUT_INTERMEDIATE_DIR": root / "output" / "intermediate",
        "SM_CHANNELS": names,
        "SM_HPS": passed,
        "SM_USER_ARGS": arguments(passed),
        "SM_FRAMEWORK_PARAMS": reserved,
        "SM_MODULE_NAME": script.stem,
        "SM_MODULE_DIR": reserved.get("sagemaker_submit_directory", script.parent),
        "SM_USER_ENTRY_POINT": script.name,
        "SM_HOSTS": hosts,
        "SM_CURRENT_HOST": resources.get("current_host", hosts[0]),
        "SM_CURRENT_INSTANCE_TYPE": resources.get("current_instance_type", ""),
        "SM_NETWORK_INTERFACE_NAME": resources.get("network_interface_name", "eth0"),
        "SM_RESOURCE_CONFIG": resources,
        "SM_NUM_CPUS": _cpus(),
        "SM_NUM_GPUS": _gpus(),
        "SM_LOG_LEVEL": reserved.get("sagemaker_container_log_level", 20),
    }
    values |= {f"SM_CHANNEL_{name.upper()}": data / name for name in names}
    values |= {f"SM_HP_{name.upper()}": value for name, value in passed.items()}
    return {name: _text(value) for name, value in values.items()}


def arguments(hyperparameters: dict[str, Any]) -> list[str]:
    """`--name value` for each hyperparameter, sorted by name."""
    return [
        part
        for name, value in sorted(hyperparameters.items())
        for part in (f"--{name}", _text(value))
    ]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, Path) else json.dumps(value)


def _configuration(root: Path, name: str) -> dict[str, Any]:
    file = root / "input" / "config" / name
    configuration: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    return configuration


def _gpus() -> int:
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(root: Path, script: Path, argv: list[str]) -> int:
    """Run the script as `__main__`; return its exit code."""
    print(f"Running {script.name} {shlex.join(argv)}", flush=True)
    sys.argv = [str(script), *argv]
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
    processes = int(reserved.get("sagemaker_processes_per_host") or max(_gpus(), 1))
    if len(hosts) * processes == 1:
        return []
    options = [f"--nnodes={len(hosts)}", f"--nproc-per-node={processes}"]
    if len(hosts) == 1:
        return [*options, "--standalone"]
    rank = hosts.index(resources.get("current_host", hosts[0]))
    return [*options, f"--node-rank={rank}", f"--master-addr={hosts[0]}", f"--master-port={PORT}"]


def run_distributed(root: Path, script: Path, argv: list[str], options: list[str]) -> int:
    """Run the script in several processes, which end together; return the exit code."""
    import psutil  # only here: a single process does not need it

    command = [sys.executable, "-m", "torch.distributed.run", *options, str(script), *argv]
    print(f"Running {shlex.join(command[1:])}", flush=True)
    with subprocess.Popen(command) as processes:
        launched = psutil.Process(processes.pid)

        def forward(number: int, frame: FrameType | None) -> None:
            # Not to torch's launcher, which kills a script that takes 30 s to save its model.
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                for process in launched.children() or [launched]:
                    process.send_signal(number)

        signal.signal(signal.SIGTERM, forward)
        code = processes.wait()
    return _exit_code(root, script, code)


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
