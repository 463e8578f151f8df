"""How a container comes to see its own /opt/ml, and which ways this machine offers."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagemaker_emulator.containers.process import HOST
from sagemaker_emulator.proxies import past_proxies

KINDS = ("unshare", "bwrap", "relocate")
OPT_ML = "/opt/ml"
ETC_HOSTS = "/etc/hosts"
HOST_NAME = "algo-1"  # what a job is told that its one host is called


class SandboxUnavailable(Exception):
    """The runtime that was asked for cannot be had on this machine."""


def probe(wanted: str = "auto") -> str:
    """Choose the sandbox: the one wanted, or the first of `KINDS` that works here.

    `unshare` (a mount namespace made by the host itself, in about a millisecond) comes before
    `bwrap` because a warm container can only have the former; `bwrap` may be allowed where
    `unshare` is not.

    Raises:
        SandboxUnavailable: a kind was asked for by name and does not work; says what failed.
    """
    candidates = KINDS if wanted == "auto" else (wanted,)
    said = ""
    for kind in candidates:
        said = failure(kind)
        if not said:
            return kind
    raise SandboxUnavailable(
        f"runtime {wanted!r} does not work on this machine: {said}. "
        f"Use --runtime auto, or one of: {', '.join(KINDS)}, docker."
    )


def failure(kind: str) -> str:
    """Try a kind: what failed, or an empty string."""
    if kind == "relocate":
        return ""
    with tempfile.TemporaryDirectory() as temporary:
        folder, stage = Path(temporary, "ml"), Path(temporary, "opt")
        folder.mkdir()
        stage.mkdir()
        (folder / "probe").touch()
        hosts = hosts_file(Path(temporary))
        if kind == "bwrap":
            if shutil.which("bwrap") is None:
                return "bwrap is not installed"
            command = [*bwrap(folder, hosts), "test", "-e", f"{OPT_ML}/probe"]
        else:
            arguments = (str(folder), str(stage), str(hosts))
            command = [sys.executable, "-I", "-S", str(HOST), "probe", *arguments]
        tried = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        if tried.returncode == 0:
            return ""
        return (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]


def hosts_file(folder: Path) -> Path:
    """Write the machine's /etc/hosts into a folder, and in it the name of a job's host.

    Programs look the name up: AWS's sagemaker-training waits 15 minutes for an address.
    """
    made, machine = folder / "hosts", Path(ETC_HOSTS)
    known = machine.read_text() if machine.is_file() else "127.0.0.1 localhost"
    made.write_text(f"{known.rstrip()}\n127.0.0.1 {HOST_NAME}\n")
    return made


def bwrap(folder: Path, hosts: Path) -> list[str]:
    """The command prefix that puts `folder` on /opt/ml, `hosts` on /etc/hosts with bubblewrap."""
    opt = Path("/opt")
    entries = sorted(opt.iterdir()) if opt.is_dir() else []
    binds = [part for path in entries for part in ("--bind", str(path), str(path))]
    if Path(ETC_HOSTS).is_file():  # else bubblewrap would make one, outside
        binds += ["--ro-bind", str(hosts), ETC_HOSTS]
    return [
        *(shutil.which("bwrap") or "bwrap", "--dev-bind", "/", "/", "--tmpfs", "/opt"),
        *binds,
        *("--bind", str(folder), OPT_ML, "--chdir", OPT_ML, "--die-with-parent", "--"),
    ]


def relocate(value: Any, folder: Path) -> Any:
    """Replace /opt/ml at the start of every string of a JSON-like value by the job's folder."""
    if isinstance(value, str):
        if value == OPT_ML or value.startswith(OPT_ML + "/"):
            return str(folder) + value[len(OPT_ML) :]
        # --option=/opt/ml/... is the other way in which arguments name a path
        head, equals, tail = value.partition(f"={OPT_ML}/")
        return f"{head}={folder}/{tail}" if equals else value
    if isinstance(value, Mapping):
        return {key: relocate(item, folder) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [relocate(item, folder) for item in value]
    return value


def inherited() -> dict[str, str]:
    """What a container takes from the environment of whoever started the emulator.

    A person's home (caches of downloaded weights), language, proxies, devices and where pip finds
    packages; not their AWS settings, their Python settings or what else AWS would not have.
    """
    names = {"HOME", "USER", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}
    names |= {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    names |= {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    names |= {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"}
    names |= {"PIP_TRUSTED_HOST", "PIP_CERT", "PIP_CONFIG_FILE"}
    found = {k: v for k, v in os.environ.items() if k.upper() in names or k.startswith("LC_")}
    return found | past_proxies()
