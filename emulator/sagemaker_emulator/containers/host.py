"""The process that containers are forked from; a script of its own, standard library only.

    python -u host.py CONTROL_FD IMAGE_FOLDER [MODULE ...]

It imports the modules (a *warm* host; a cold one has none), then forks one child for each
container that the emulator asks for. A child enters its own session and mount namespace. It runs a
Python script in place, with the imports done, or replaces itself with the command.

Over the control socket the emulator sends one byte with two descriptors: the container's channel
and its output. Over the channel it sends one line of JSON (`Launch`), then `T` (SIGTERM to the
process), `C` (SIGTERM to its children) or `K` (SIGKILL to its group). The response is one line of
JSON, `{"exit": code}`, where a negative code is a signal. When the channel or the control socket
closes, the emulator has ended: the container, or all of them, are killed.

It is one file and imports no package of the emulator, so that a job that runs inside it finds
nothing in `sys.modules` that a fresh interpreter would not have.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import types
from pathlib import Path
from typing import NoReturn, TypedDict

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
PR_SET_PDEATHSIG = 1
MARK = "EMULATOR_CONTAINER"  # in the environment of all that belongs to a container
SETUP_FAILED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127  # as docker run exits


class Launch(TypedDict):
    """What a container runs, as the emulator sends it.

    Attributes:
        argv: Program and arguments.
        script: The Python file that a warm host runs in place; None for a program.
        environment: All its variables.
        folder: What it sees at /opt/ml.
        mount: An empty folder to build the new /opt on; empty for no mount namespace.
        hosts: What it sees as /etc/hosts in a mount namespace.
        directory: Where it starts.
        nice: How much it yields to other processes.
    """

    argv: list[str]
    script: str | None
    environment: dict[str, str]
    folder: str
    mount: str
    hosts: str
    directory: str
    nice: int


def main(control: socket.socket, folder: str, modules: list[str]) -> None:
    """Import, serve, and in a forked child run its container."""
    host = os.getpid()
    preload(folder, modules)
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, the shared pages
    control.sendall(b"R")
    child = serve(control)
    if child is not None:
        run(*child, host)


def preload(folder: str, modules: list[str]) -> None:
    """Import modules, those in the image's own folder too, which jobs do not find there."""
    sys.path[0] = folder  # instead of the folder of this file
    for module in modules:
        try:
            imported = importlib.import_module(module)
        except Exception as error:  # the job that needs it will report it
            print(f"preload: {module} cannot be imported: {error}", file=sys.stderr)
            continue
        if (getattr(imported, "__file__", None) or "").startswith(folder + os.sep):
            del sys.modules[module]
    del sys.path[0]
    with contextlib.suppress(OSError):
        if (threads := len(list(Path("/proc/self/task").iterdir()))) > 1:
            print(f"preload: importing left {threads} threads; a fork has one", file=sys.stderr)


def serve(control: socket.socket) -> tuple[Launch, int] | None:
    """Fork a child for each container until the emulator ends.

    Returns:
        In a child, its launch and the descriptor of its output; None in the host.
    """
    selector = selectors.DefaultSelector()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    channels: dict[int, socket.socket] = {}
    selector.register(control, selectors.EVENT_READ, "control")
    selector.register(wake_read, selectors.EVENT_READ, "wake")
    while True:
        for key, _ in selector.select():
            if key.data == "wake":
                os.read(wake_read, 512)
                for pid in list(channels):
                    _reap(pid, channels, selector)
            elif key.data == "control":
                byte, descriptors, _, _ = socket.recv_fds(control, 1, 2)
                if not byte:
                    for pid in channels:
                        _kill_group(pid)
                        kill_strays(os.getpid(), pid)
                    return None
                if len(descriptors) < 2:  # this process may open no more
                    print("a container's descriptors did not arrive", file=sys.stderr)
                    for descriptor in descriptors:
                        os.close(descriptor)
                    continue
                channel = socket.socket(fileno=descriptors[0])
                forked = _fork(channel, descriptors[1])
                if forked is None:
                    continue
                pid, launch = forked
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    selector.close()
                    for other in (control, channel, *channels.values()):
                        other.close()
                    os.close(wake_read)
                    os.close(wake_write)
                    return launch, descriptors[1]
                os.close(descriptors[1])
                channels[pid] = channel
                selector.register(channel, selectors.EVENT_READ, pid)
            elif key.data in channels:
                _obey(key.data, channels[key.data], selector)


def _fork(channel: socket.socket, output: int) -> tuple[int, Launch] | None:
    """Fork a child for the launch that comes over the channel.

    Returns:
        The child's number (0 in the child) and its launch; None if there is no launch or no child,
        which ends this container, not the others.
    """
    try:
        launch: Launch = json.loads(_line(channel))
        return os.fork(), launch
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError):  # the emulator may have ended
            os.write(output, f"The container could not be started: {error}\n".encode())
            channel.sendall(json.dumps({"exit": SETUP_FAILED}).encode() + b"\n")
        channel.close()
        os.close(output)
        return None


def _line(channel: socket.socket) -> bytes:
    """Read one line and nothing after it: an order to stop may follow at once."""
    data = b""
    while not data.endswith(b"\n"):
        ahead = channel.recv(1 << 16, socket.MSG_PEEK)
        if not ahead:
            raise ConnectionError("the emulator ended before it sent what to run")
        data += channel.recv(ahead.find(b"\n") + 1 or len(ahead))
    return data


def _obey(pid: int, channel: socket.socket, selector: selectors.BaseSelector) -> None:
    orders = channel.recv(16)
    if b"T" in orders:
        os.kill(pid, signal.SIGTERM)
    if b"C" in orders:
        for child in _children(pid) or [pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
    if b"K" in orders or not orders:
        _kill_group(pid)
    if not orders:
        selector.unregister(channel)


def _children(pid: int) -> list[int]:
    """The children of a process; none if it has ended or the kernel does not list them."""
    with contextlib.suppress(OSError):
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    return []


def _kill_group(pid: int) -> None:
    # A child that has not yet reached setsid has no group of its own.
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def kill_strays(host: int, pid: int | None = None) -> None:
    """Kill processes that left the container's group, as a real container's end does.

    They are recognised by the variable that `run` sets in the container. One may start another
    while it is killed, so this is repeated until there is none, or for about a second.

    Args:
        host: The host's number.
        pid: The container's; None for all containers of the host.
    """
    mark = _mark(host, pid).encode()
    for _ in range(200):
        killed = False
        try:
            entries = list(Path("/proc").glob("[0-9]*"))
        except OSError as error:  # this process may open no more
            print(f"strays of {pid or host} cannot be listed: {error}", file=sys.stderr)
            return
        for entry in entries:
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                variables = (entry / "environ").read_bytes().split(b"\0")
                if any(variable.startswith(mark) for variable in variables):
                    os.kill(int(entry.name), signal.SIGKILL)
                    killed = True
        if not killed:
            return
        time.sleep(0.005)


def _mark(host: int, pid: int | None) -> str:
    """The beginning of a container's variable; its last point keeps 1.2 from matching 1.23."""
    return f"{MARK}={host}." + (f"{pid}." if pid else "")


def _reap(pid: int, channels: dict[int, socket.socket], selector: selectors.BaseSelector) -> None:
    # WNOWAIT first: as long as the zombie exists, no other group can get its number.
    if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        return
    _kill_group(pid)
    kill_strays(os.getpid(), pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    channel = channels.pop(pid)
    with contextlib.suppress(KeyError):
        selector.unregister(channel)
    with contextlib.suppress(OSError):  # the emulator may have ended
        channel.sendall(json.dumps({"exit": code}).encode() + b"\n")
    channel.close()


def run(launch: Launch, output: int, host: int) -> None:
    """In the child: become the container, then its command.

    Args:
        launch: What to run.
        output: The descriptor that takes what it prints.
        host: The number of the host, with which the container ends.
    """
    os.setsid()
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    try:
        if launch["mount"]:
            enter(launch["folder"], launch["mount"], launch["hosts"])
        os.nice(launch["nice"])
        os.chdir(launch["directory"])
        die_with(host)
    except OSError as error:
        print(f"The container could not be set up: {error}", file=sys.stderr, flush=True)
        os._exit(SETUP_FAILED)
    environment = {**launch["environment"], MARK: f"{os.getppid()}.{os.getpid()}."}
    if launch["script"] is None:
        execute(launch["argv"], environment)
    os.environ.clear()
    os.environ.update(environment)
    _as_if_just_imported(environment)
    run_script(launch["script"], launch["argv"])


def die_with(host: int) -> None:
    """Have the kernel kill this process when its host is killed, as nobody else could end it.

    Raises:
        OSError: The host has ended already.
    """
    if sys.platform == "linux":  # after `enter`: unshare forgets it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host:
        raise OSError("its host has ended")


def execute(argv: list[str], environment: dict[str, str]) -> NoReturn:
    """Replace this process with a command, found on the container's own PATH."""
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        message, code = str(error), NOT_EXECUTABLE
        if isinstance(error, FileNotFoundError):
            message, code = f"executable file not found in PATH ({environment['PATH']})", NOT_FOUND
            if argv[0] in ("train", "serve"):
                message += f"; an image has its own {argv[0]} in the folder bin/ of its folder"
        print(f"exec: {argv[0]!r}: {message}", file=sys.stderr, flush=True)
        os._exit(code)


def _as_if_just_imported(environment: dict[str, str]) -> None:
    """Reset what a forked child shares with its siblings and a fresh process would not."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    # Torch reads its thread count once, on import, and the host is single-threaded.
    torch, threads = sys.modules.get("torch"), environment.get("OMP_NUM_THREADS")
    if torch and threads:
        torch.set_num_threads(int(threads))


def run_script(script: str, argv: list[str]) -> NoReturn:
    """Run a Python file as `python SCRIPT` does: same `__main__`, exit codes and traceback."""
    sys.argv = argv
    sys.path.insert(0, str(Path(script).resolve().parent))
    module = types.ModuleType("__main__")
    module.__file__ = script
    vars(module)["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    try:
        try:
            source = Path(script).read_bytes()
        except OSError as error:
            print(
                f"{sys.executable}: can't open file {script!r}: "
                f"[Errno {error.errno}] {error.strerror}",
                file=sys.stderr,
            )
            sys.exit(2)
        exec(compile(source, script, "exec", dont_inherit=True), vars(module))
    except SystemExit:
        raise
    except BaseException as error:
        # Without this frame, which a fresh interpreter would not show.
        traceback = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        sys.exit(1)
    sys.exit(0)


def enter(folder: str, stage: str, hosts: str) -> None:
    """Give this process a mount namespace in which `folder` is /opt/ml and `hosts` /etc/hosts.

    If /opt/ml does not exist, a tmpfs replaces /opt, with every entry of /opt bound back into it:
    nothing is written outside the namespace.

    Args:
        folder: Becomes /opt/ml.
        stage: An empty folder to build the new /opt on.
        hosts: Becomes /etc/hosts, if the machine has one.

    Raises:
        OSError: The kernel refused; the message names the call.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def check(result: int, call: str) -> None:
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{call}: {os.strerror(number)}")

    def mount(source: str | Path, target: str | Path, kind: str | None, flags: int) -> None:
        call = f"mount {source} on {target}"
        text = [None if part is None else os.fsencode(part) for part in (source, target, kind)]
        check(libc.mount(*text, ctypes.c_ulong(flags), None), call)

    user, group = os.geteuid(), os.getegid()
    if user == 0:
        check(libc.unshare(CLONE_NEWNS), "unshare")
    else:
        check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
        this = Path("/proc/self")
        (this / "setgroups").write_text("deny")
        (this / "uid_map").write_text(f"0 {user} 1")
        (this / "gid_map").write_text(f"0 {group} 1")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    if Path("/etc/hosts").is_file():  # a bare image has none, and nothing can be bound there
        mount(hosts, "/etc/hosts", None, MS_BIND)
    if Path("/opt/ml").is_dir():
        mount(folder, "/opt/ml", None, MS_BIND | MS_REC)
        return
    mount("tmpfs", stage, "tmpfs", 0)
    for entry in Path("/opt").iterdir():
        target = Path(stage, entry.name)
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
            continue
        if entry.is_dir():
            target.mkdir()
        else:
            target.touch()
        mount(entry, target, None, MS_BIND | MS_REC)
    target = Path(stage, "ml")
    target.mkdir()
    mount(folder, target, None, MS_BIND | MS_REC)
    mount(stage, "/opt", None, MS_BIND | MS_REC)


if __name__ == "__main__":
    if sys.argv[1] == "probe":
        enter(sys.argv[2], sys.argv[3], sys.argv[4])
        sys.exit(not Path("/opt/ml/probe").exists())
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], sys.argv[3:])
