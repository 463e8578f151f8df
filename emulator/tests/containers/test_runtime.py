import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from process_owner import Nobody
from processes import runs

from sagemaker_emulator.containers.runtime import Container, Runtime
from sagemaker_emulator.containers.sandboxes import SANDBOXES, choose_sandbox

IMAGES = Path(__file__).parents[1] / "images"
FAILURES = {sandbox.kind: sandbox.failure() for sandbox in SANDBOXES}
KINDS = [
    pytest.param(kind, marks=pytest.mark.skipif(bool(why), reason=f"{kind}: {why}"), id=kind)
    for kind, why in FAILURES.items()
]


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Runtime]]:
    state = tmp_path_factory.mktemp("state")
    client = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    made = {
        kind: Runtime(IMAGES, state, choose_sandbox(kind, state), client)
        for kind, why in FAILURES.items()
        if not why
    }
    yield made
    for runtime in made.values():
        runtime.close()


class Run:
    def __init__(
        self,
        runtime: Runtime,
        folder: Path,
        image: str,
        command: tuple[str, ...],
        hosts: dict[str, str] | None = None,
        **variables: str,
    ) -> None:
        self.log: list[str] = []
        container = Container(image, command, variables, folder, threads=1)
        if hosts:
            container = replace(container, host=list(hosts)[-1], hosts=hosts)
        self.process = runtime.start(container, self.log.append, Nobody())

    def end(self) -> tuple[int, str]:
        printed = "\n".join(line for lines in self.process.lines() for line in lines)
        return self.process.wait(), printed


def script(folder: Path, text: str) -> str:
    (folder / "ml").mkdir(exist_ok=True)
    (folder / "ml/script.py").write_text(text)
    return "/opt/ml/script.py"


@pytest.mark.parametrize("kind", KINDS)
def test_container_has_its_own_opt_ml(
    runtimes: dict[str, Runtime], tmp_path: Path, kind: str
) -> None:
    text = (
        "import os, sys\n"
        "root = os.environ.get('OPT_ML', '/opt/ml')\n"
        "open(sys.argv[1], 'w').write(os.getcwd() == root and sys.argv[2])\n"
    )
    command = ("python3", script(tmp_path, text), "/opt/ml/made", "--path=x")
    code, printed = Run(runtimes[kind], tmp_path, "plain", command).end()
    assert (code, printed) == (0, "")
    assert (tmp_path / "ml/made").read_text() == "--path=x"
    assert not Path("/opt/ml/made").exists()


@pytest.mark.parametrize("image", ["plain", "warm"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.id != "relocate"])
@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (None, "algo-1 algo-1 127.0.0.1 127.0.0.1"),
        ({"algo-1": "127.0.0.2", "algo-2": "127.0.0.3"}, "algo-2 algo-2 127.0.0.2 127.0.0.1"),
    ],
)
def test_host_names_of_a_job_have_addresses(
    runtimes: dict[str, Runtime],
    tmp_path: Path,
    kind: str,
    image: str,
    hosts: dict[str, str] | None,
    expected: str,
) -> None:
    text = (
        "import socket; own = socket.gethostname()\n"
        "print(own, open('/etc/hostname').read().strip(), "
        "*map(socket.gethostbyname, ('algo-1', 'localhost')))\n"
        "socket.socket().bind((own, 0))"
    )
    machine = socket.gethostname()
    command = ("python3", script(tmp_path, text))
    assert Run(runtimes[kind], tmp_path, image, command, hosts).end() == (0, expected)
    assert "algo-1" not in Path("/etc/hosts").read_text()
    assert socket.gethostname() == machine


def test_entries_of_opt_stay_visible(runtimes: dict[str, Runtime], tmp_path: Path) -> None:
    if "unshare" not in runtimes:
        pytest.skip("no unshare here")
    code, printed = Run(runtimes["unshare"], tmp_path, "plain", ("ls", "/opt")).end()
    assert code == 0
    assert set(printed.split()) == {p.name for p in Path("/opt").iterdir()} | {"ml"}


PARITY = {
    "success": ("print('a'); print('b', end='')", 0),
    "exit code": ("import sys; print('out'); sys.exit(7)", 7),
    "exit none": ("import sys; sys.exit()", 0),
    "exit text": ("import sys; sys.exit('a reason')", 1),
    "exception": ("def f():\n    raise ValueError('bad')\nf()", 1),
    "chained": ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise OSError(2) from e", 1),
    "syntax error": ("x = = 1", 1),
    "signal": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "interrupt": ("raise KeyboardInterrupt", -signal.SIGINT),
    "os exit": ("import os; print('before'); os._exit(9)", 9),
    "at exit": ("import atexit; atexit.register(print, 'bye')\nprint('hi')", 0),
    "thread": (
        "import threading, time\n"
        "def f():\n    time.sleep(0.1); print('thread done')\n"
        "threading.Thread(target=f).start()",
        0,
    ),
    "main module": (
        "import sys, __main__\n"
        "print(__name__, __file__, __main__.__file__, sys.argv, sys.path[0])\n"
        "print([k for k in globals() if not k.startswith('__')])",
        0,
    ),
    "stderr order": ("import sys; print('1'); print('2', file=sys.stderr); print('3')", 0),
    "children": (
        "import multiprocessing as m\n"
        "def f(x): return x + 1\n"
        "if __name__ == '__main__':\n    print(m.Pool(2).map(f, [1, 2]))",
        0,
    ),
    "environment": (
        "import os; print(sorted(k for k in os.environ if k not in ('PATH', 'VIRTUAL_ENV')))",
        0,
    ),
    "missing file": (None, 2),
    "arguments": ("import sys; print(sys.argv[1:], sys.stdin.read())", 0),
}


@pytest.mark.parametrize("case", PARITY)
def test_warm_container_behaves_as_a_cold_one(
    runtimes: dict[str, Runtime], tmp_path: Path, case: str
) -> None:
    text, expected = PARITY[case]
    runtime = next(iter(runtimes.values()))
    ends = {}
    for image in ("plain", "warm"):
        folder = tmp_path / image
        folder.mkdir()
        path = script(folder, text) if text is not None else "/opt/ml/missing.py"
        command = ("python3", path, "--a", "b c")
        code, printed = Run(runtime, folder, image, command, MINE="1").end()
        # The two environments, and how Python names itself when a file is missing.
        ends[image] = (code, printed.replace(str(folder), "").split("can't open")[-1])
    assert ends["warm"] == ends["plain"]
    assert ends["warm"][0] == expected


def test_warm_container_has_the_imports(runtimes: dict[str, Runtime], tmp_path: Path) -> None:
    runtime = next(iter(runtimes.values()))
    path = script(tmp_path, "import sys; print('unittest' in sys.modules)")
    for image, expected in (("plain", "False"), ("warm", "True")):
        assert Run(runtime, tmp_path, image, ("python3", path)).end() == (0, expected)
    # Only a fresh interpreter can honour Python's own variables.
    cold = Run(runtime, tmp_path, "warm", ("python3", path), PYTHONHASHSEED="1").end()
    assert cold == (0, "False")


def test_image_without_train_is_refused_with_where_it_belongs(
    runtimes: dict[str, Runtime], tmp_path: Path
) -> None:
    runtime = runtimes.get("unshare", runtimes["relocate"])
    code, printed = Run(runtime, tmp_path, "batch", ("train",)).end()
    assert code == 127
    assert "an image has its own train in the folder bin/" in printed


def test_container_inherits_no_python_or_aws_settings(
    runtimes: dict[str, Runtime], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a person's")
    monkeypatch.setenv("SOMETHING", "else")
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
    runtime = next(iter(runtimes.values()))
    _, printed = Run(runtime, tmp_path, "plain", ("env",), MINE="1").end()
    found = dict(line.split("=", 1) for line in printed.splitlines())
    assert not {"PYTHONDONTWRITEBYTECODE", "AWS_SECRET_ACCESS_KEY", "SOMETHING"} & set(found)
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert found["PIP_INDEX_URL"] == "https://packages.example/simple"
    assert found["MINE"] == "1"
    assert found["OMP_NUM_THREADS"] == "1"
    assert found["PATH"].split(":")[0] == str(IMAGES / "plain" / "bin")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("image", ["plain", "warm"])
def test_stop_is_sigterm_then_sigkill(
    runtimes: dict[str, Runtime], tmp_path: Path, kind: str, image: str
) -> None:
    text = "import signal, time\n{}\nprint('ready')\ntime.sleep(60)"
    # bwrap tells of a signal as a shell does
    ended = 128 + signal.SIGTERM if (kind, image) == ("bwrap", "plain") else -signal.SIGTERM
    for handler, grace, code in (
        ("", 20, ended),
        ("signal.signal(signal.SIGTERM, lambda *_: exit(3))", 20, 3),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", 0.2, -signal.SIGKILL),
    ):
        path = script(tmp_path, text.format(handler))
        run = Run(runtimes[kind], tmp_path, image, ("python3", path))
        assert next(run.process.lines()) == ["ready"]
        run.process.stop("because", grace)
        assert run.end()[0] == code
        assert run.process.stopped == "because"


def test_stop_right_after_the_start_is_obeyed(runtimes: dict[str, Runtime], tmp_path: Path) -> None:
    runtime = next(iter(runtimes.values()))
    assert Run(runtime, tmp_path, "plain", ("true",)).end()[0] == 0
    hosts = runtime.hosts()
    for pid in hosts:
        os.kill(pid, signal.SIGSTOP)  # so that it finds both at once
    try:
        run = Run(runtime, tmp_path, "plain", ("sleep", "60"))
        run.process.stop("asked", grace=60)
    finally:
        for pid in hosts:
            os.kill(pid, signal.SIGCONT)
    assert run.end() == (-signal.SIGTERM, "")
    assert Run(runtime, tmp_path, "plain", ("true",)).end()[0] == 0


def test_background_processes_end_with_their_container(
    runtimes: dict[str, Runtime], tmp_path: Path
) -> None:
    runtime = next(iter(runtimes.values()))
    code, printed = Run(runtime, tmp_path, "plain", ("sh", "-c", "sleep 60 & echo $!")).end()
    assert code == 0
    assert _gone([printed])


def test_output_arrives_as_it_is_printed(runtimes: dict[str, Runtime], tmp_path: Path) -> None:
    runtime = next(iter(runtimes.values()))
    text = "import time\nprint('\\r10%\\r100%')\ntime.sleep(5)"
    began = time.monotonic()
    run = Run(runtime, tmp_path, "plain", ("python3", script(tmp_path, text)))
    assert next(run.process.lines()) == ["100%"]
    assert time.monotonic() - began < 3
    run.process.stop("enough", grace=0)
    run.end()


def test_containers_end_with_a_killed_emulator(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from sagemaker_emulator.containers.runtime import Container, Runtime\n"
        "from sagemaker_emulator.containers.sandboxes import choose_sandbox\n"
        "class Nobody:\n"
        "    def check(self): pass\n"
        "    def attach(self, process): pass\n"
        "state, images = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "r = Runtime(images, state, choose_sandbox('auto', state))\n"
        "for image in ('plain', 'warm'):\n"
        "    c = Container(image, ('python3', '/opt/ml/s.py'), {}, state / image)\n"
        "    c.ml.mkdir(parents=True)\n"
        "    (c.ml / 's.py').write_text('import os,time; print(os.getpid()); time.sleep(60)')\n"
        "    p = r.start(c, print, Nobody())\n"
        "    print('PID', next(p.lines())[0], *r.hosts(), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), str(IMAGES)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert parent.stdout is not None
    pids: list[str] = []
    for line in parent.stdout:
        if line.startswith("PID"):
            pids.extend(line.split()[1:])
            if len(pids) >= 5:
                break
    parent.kill()
    parent.wait()
    assert _gone(pids)


def _gone(pids: list[str]) -> bool:
    deadline = time.monotonic() + 5
    while any(runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(runs(pid) for pid in pids)


def test_missing_program_is_reported(runtimes: dict[str, Runtime], tmp_path: Path) -> None:
    runtime = next(iter(runtimes.values()))
    code, printed = Run(runtime, tmp_path, "warm", ("nothing",)).end()
    assert code in (127, 1)
    assert "nothing" in printed


def test_idle_hosts_are_ended(tmp_path: Path) -> None:
    runtime = Runtime(IMAGES, tmp_path, choose_sandbox("auto", tmp_path), idle_seconds=0.2)
    try:
        Run(runtime, tmp_path, "warm", ("python3", script(tmp_path, ""))).end()
        assert runtime.hosts()
        deadline = time.monotonic() + 5
        while runtime.hosts() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert runtime.hosts() == []
        code, _ = Run(runtime, tmp_path, "warm", ("python3", script(tmp_path, ""))).end()
        assert code == 0
    finally:
        runtime.close()
