"""What goes wrong in a host process: it must not hold a job up, nor take the others with it."""

import gc
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import runs

from sagemaker_emulator.containers.host.channel import Launch
from sagemaker_emulator.containers.process import Host, HostLost, Process

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(sys.executable, os.devnull, [], dict(os.environ), tmp_path / "hosts.txt")
    yield made
    made.close()


def start(host: Host, folder: Path, *command: str, script: str | None = None) -> Process:
    launch: Launch = {
        "script": script,
        "argv": list(command),
        "environment": {"PATH": os.environ["PATH"]},
        "folder": str(folder),
        "mount": "",
        "etc": "",
        "layer": "",
        "base": "",
        "host": "algo-1",
        "hosts": {"algo-1": "127.0.0.1"},
        "directory": str(folder),
        "nice": 5,
    }
    return host.start(launch)


def end(process: Process) -> tuple[int, list[str]]:
    printed = [line for lines in process.lines() for line in lines]
    return process.wait(), printed


@LINUX
@pytest.mark.parametrize("warm", [True, False])
def test_process_that_left_everything_ends_with_its_container(
    host: Host, tmp_path: Path, warm: bool
) -> None:
    """A child in a session of its own, and a grandchild with an empty environment."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, subprocess, time\n"
        "child = os.fork()\n"
        "if child == 0:\n    os.setsid(); time.sleep(20); os._exit(0)\n"
        "away = 'env -i setsid sleep 20 > /dev/null 2>&1 & echo $!'\n"
        "other = subprocess.run(['sh', '-c', away], stdout=-1, text=True).stdout\n"
        "print(child, other.strip(), 'x' * 60_000, 'last')\n"
    )
    command = [str(script)] if warm else [sys.executable, str(script)]
    beside = start(host, tmp_path, "sh", "-c", "sleep 3; echo beside")
    process = start(host, tmp_path, *command, script=str(script) if warm else None)
    code, printed = end(process)
    child, other, _, last = printed[0].split()
    assert (code, last) == (0, "last")
    assert not runs(int(child)) and not runs(int(other))
    assert end(beside) == (0, ["beside"])


@LINUX
def test_orphan_of_a_running_container_is_reaped(host: Host, tmp_path: Path) -> None:
    script = "sh -c 'sleep 0.2 & echo $!'; sleep 60"
    process = start(host, tmp_path, "sh", "-c", script)
    orphan = int(next(process.lines())[0])
    deadline = time.monotonic() + 10
    while Path(f"/proc/{orphan}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{orphan}").exists()  # a zombie would still be there
    process.stop("enough", 0)
    assert process.wait() == -signal.SIGKILL


@LINUX
def test_container_ends_with_its_host(host: Host, tmp_path: Path) -> None:
    away = "setsid sh -c 'echo $$; exec sleep 20' & echo $$; wait"
    process = start(host, tmp_path, "sh", "-c", away)
    pids: list[int] = []
    for lines in process.lines():
        pids += map(int, lines)
        if len(pids) == 2:
            break
    began = time.monotonic()
    os.kill(host.pid, signal.SIGKILL)
    with pytest.raises(HostLost):
        end(process)
    with pytest.raises(HostLost):  # who asks again is told the same
        process.wait()
    assert time.monotonic() - began < 5
    deadline = time.monotonic() + 2
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(runs, pids))


@LINUX
def test_host_without_descriptors_fails_one_job(host: Host, tmp_path: Path) -> None:
    first = start(host, tmp_path, "sh", "-c", "echo up; sleep 1; echo done")
    assert next(first.lines()) == ["up"]
    limits = resource.prlimit(host.pid, resource.RLIMIT_NOFILE)
    used = len(list(Path(f"/proc/{host.pid}/fd").iterdir()))
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (used, limits[1]))
    with pytest.raises(HostLost):
        end(start(host, tmp_path, "true"))
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, limits)
    assert end(first) == (0, ["done"])
    assert end(start(host, tmp_path, "true")) == (0, [])


def test_script_finds_no_module_of_the_host(host: Host, tmp_path: Path) -> None:
    """Not even one of the same name; what the host has imported of the library may be there."""
    for name in ("host", "channel", "keeper"):
        (tmp_path / f"{name}.py").write_text("WORD = 'own'\n")
    (tmp_path / "script.py").write_text(
        "import json, sys\n"
        "names = [n for n in sys.modules if n.partition('.')[0] not in sys.stdlib_module_names]\n"
        "kind = type(__builtins__).__name__\n"
        "import host, channel, keeper\n"
        "print(json.dumps([names, sys.path, kind, [host.WORD, channel.WORD, keeper.WORD]]))\n"
    )
    script = str(tmp_path / "script.py")
    fresh = subprocess.check_output([sys.executable, script], text=True)
    code, printed = end(start(host, tmp_path, script, script=script))
    assert code == 0, printed
    names, *others = json.loads(printed[0])
    fresh_names, *fresh_others = json.loads(fresh)
    assert sorted(names) == sorted(fresh_names)
    assert others == fresh_others


def test_missing_launch_fails_one_job(host: Host, tmp_path: Path) -> None:
    first = start(host, tmp_path, "sh", "-c", "sleep 0.5; echo done")
    ours, theirs = socket.socketpair()
    ours.close()  # the emulator's thread ended before it had said what to run
    with theirs, (tmp_path / "output").open("w") as output:
        socket.send_fds(host._control, [b"J"], [theirs.fileno(), output.fileno()])
    assert end(first) == (0, ["done"])
    assert end(start(host, tmp_path, "true")) == (0, [])


def test_ended_host_leaves_no_descriptor(tmp_path: Path) -> None:
    host = Host("false", os.devnull, [], dict(os.environ), tmp_path / "hosts.txt")
    gc.collect()  # what an earlier test has left is not closed in between
    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(HostLost):
        start(host, tmp_path, "true")
    assert len(list(Path("/dev/fd").iterdir())) == before
    host.close()


def test_starting_host_is_not_idle(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(1)\n")
    host = Host(sys.executable, tmp_path, ["slow"], dict(os.environ), tmp_path / "hosts.txt")
    ended: list[tuple[int, list[str]]] = []
    starting = threading.Thread(target=lambda: ended.append(end(start(host, tmp_path, "true"))))
    starting.start()
    time.sleep(0.4)
    assert host.idle == 0.0
    starting.join()
    assert ended == [(0, [])]
    assert host.idle > 0
    host.close()
