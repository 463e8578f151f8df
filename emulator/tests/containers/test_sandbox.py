import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sagemaker_emulator.containers.process import HOST
from sagemaker_emulator.containers.relocation import relocate
from sagemaker_emulator.containers.sandbox import Bwrap, SandboxUnavailable, Unshare
from sagemaker_emulator.containers.sandboxes import choose_sandbox


def test_unavailable_sandbox_is_refused_with_the_reason() -> None:
    if not Bwrap.failure():
        pytest.skip("bwrap works here")
    with pytest.raises(SandboxUnavailable, match=r"'bwrap' does not work.*auto"):
        choose_sandbox("bwrap", Path())


def as_plain_user(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        user=54321,
        group=54321,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="needs to become another")
def test_view_of_a_plain_user(tmp_path: Path) -> None:
    python = "/usr/bin/python3"
    if not Path(python).exists():
        pytest.skip("no system Python that a plain user could run")
    folder = Path("/var/tmp") / f"probe-{os.getpid()}"
    try:
        shutil.copytree(HOST, folder / "host")
        for name in ("ml", "opt", "etc", "base/folder", "layer/upper", "layer/work"):
            (folder / name).mkdir(parents=True)
        for name in ("ml/probe", "etc/hosts", "etc/hostname", "base/folder/file"):
            (folder / name).touch()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 54321, 54321)
        view = {name: str(folder / name) for name in ("etc", "base", "layer")}
        view |= {"folder": str(folder / "ml"), "mount": str(folder / "opt"), "host": "algo-1"}
        tried = as_plain_user(python, str(folder / "host"), "probe", json.dumps(view))
        for why in ("unshare", "uid_map", "mount overlay"):
            if why in tried.stderr:
                pytest.skip(f"the kernel refuses it here: {tried.stderr.splitlines()[-1]}")
        assert tried.returncode == 0, tried.stderr
        assert (folder / "base/folder/file").exists()
        delete = "import shutil, sys; shutil.rmtree(sys.argv[1])"
        deleted = as_plain_user(python, "-c", delete, str(folder / "layer"))
        assert deleted.returncode == 0, deleted.stderr
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/opt/ml", "/job"),
        ("/opt/ml/model", "/job/model"),
        ("--model-dir=/opt/ml/model", "--model-dir=/job/model"),
        ("/opt/mlx", "/opt/mlx"),
        (["/opt/ml/a", 1, {"k": "/opt/ml/b"}], ["/job/a", 1, {"k": "/job/b"}]),
    ],
)
def test_relocation_rewrites_paths(value: object, expected: object) -> None:
    assert relocate(value, Path("/job")) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to take this machine's /etc away")
def test_machine_without_etc_hosts_has_opt_ml(tmp_path: Path) -> None:
    if failure := Unshare.failure():
        pytest.skip(f"nothing can be mounted here: {failure}")
    probe = (
        "from sagemaker_emulator.containers.sandbox import Unshare; "
        "print(Unshare.failure(), end='')"
    )
    bare = 'mount --make-rprivate / && mount --bind "$0" /etc && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", bare, str(tmp_path), sys.executable, "-c", probe]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
