"""The process that containers are forked from; a script of its own, standard library only.

    python -u host.py CONTROL_FD IMAGE_FOLDER [MODULE ...]

It imports the modules (a *warm* host; a cold one has none), then forks one keeper for each
container that the emulator asks for. A keeper forks the container, which enters its own session and
mount namespace and runs a Python script in place, with the imports done, or replaces itself with
the command.

Over the control socket the emulator sends one byte with two descriptors: the container's channel
and its output. Over the channel it sends the keeper one line of JSON (`Launch`), then `T` (SIGTERM
to the process), `C` (SIGTERM to its children) or `K` (SIGKILL to its group). The response is one
line of JSON, `{"exit": code}`, where a negative code is a signal. When the channel closes, the
emulator has ended: the container is killed. When the control socket closes, or the host is killed,
all containers of the host are killed.

All that a container starts stays below its keeper, which adopts orphans (`prctl(2)`,
PR_SET_CHILD_SUBREAPER): when a container ends, the keeper kills whatever is below it.

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
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
KILL_SECONDS = 10.0  # for which what a container left is killed again and again
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
    """Import, serve, and in a forked child keep a container."""
    host = os.getpid()
    preload(folder, modules)
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, the shared pages
    control.sendall(b"R")
    accepted = serve(control)
    if accepted is not None:
        keep(*accepted, host)


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


def serve(control: socket.socket) -> tuple[socket.socket, int] | None:
    """Fork a keeper for each container until the emulator ends.

    Returns:
        In a keeper, its channel and the descriptor of its output; None in the host.
    """
    wake = _wake_on(signal.SIGCHLD)
    keepers: set[int] = set()
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(wake[0], selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if wake[0] in ready:
                os.read(wake[0], 512)
                while ended := _reap_any():
                    keepers.discard(ended)
            if control not in ready:
                continue
            byte, descriptors, _, _ = socket.recv_fds(control, 1, 2)
            if not byte:
                for keeper in keepers:
                    os.kill(keeper, signal.SIGTERM)
                for keeper in keepers:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(keeper, 0)
                return None
            if len(descriptors) < 2:  # this process may open no more
                print("a container's descriptors did not arrive", file=sys.stderr)
                for descriptor in descriptors:
                    os.close(descriptor)
                continue
            channel, output = socket.socket(fileno=descriptors[0]), descriptors[1]
            forked = _fork(channel, output)
            if forked == 0:
                _sleep_through(signal.SIGCHLD, wake)
                control.close()
                return channel, output
            channel.close()
            os.close(output)
            if forked is not None:
                keepers.add(forked)


def _wake_on(*numbers: signal.Signals) -> tuple[int, int]:
    """Have signals written to a pipe, a byte each with the signal's number; return its ends."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    return read, write


def _sleep_through(number: signal.Signals, wake: tuple[int, int]) -> None:
    """Undo `_wake_on` in a child."""
    signal.set_wakeup_fd(-1)
    signal.signal(number, signal.SIG_DFL)
    for descriptor in wake:
        os.close(descriptor)


def _reap_any() -> int:
    """The number of a child that has ended, which is forgotten; 0 if there is none."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(-1, os.WNOHANG)[0]
    return 0


def _fork(channel: socket.socket, output: int) -> int | None:
    """Fork; where that fails, end this container, not the others, and return None."""
    try:
        return os.fork()
    except OSError as error:
        _refuse(channel, output, error)
        return None


def _refuse(channel: socket.socket, output: int, error: Exception) -> None:
    with contextlib.suppress(OSError):  # the emulator may have ended
        os.write(output, f"The container could not be started: {error}\n".encode())
        channel.sendall(json.dumps({"exit": SETUP_FAILED}).encode() + b"\n")


def keep(channel: socket.socket, output: int, host: int) -> None:
    """In a keeper: start the container, obey the emulator, and end all that is left of it.

    It returns in the container only, which it leaves as a process of its own.

    Args:
        channel: To the emulator.
        output: The descriptor that takes what the container prints.
        host: The number of the host, with which the container ends.
    """
    wake = _wake_on(signal.SIGCHLD, signal.SIGTERM)
    keeper = os.getpid()
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
        die_with(host, signal.SIGTERM)
        launch: Launch = json.loads(_line(channel))
        # An order to stop may follow at once: until the container has no handler for it, it waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        container = os.fork()
    except (OSError, ValueError) as error:
        _refuse(channel, output, error)
        os._exit(0)
    if container == 0:
        channel.close()
        _sleep_through(signal.SIGCHLD, wake)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        run(launch, output, keeper)
        return
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.close(output)
    ended = _obey_until_end(container, channel, wake[0])
    code = _end_all(container)
    if ended and code is not None:
        with contextlib.suppress(OSError):  # the emulator may have ended
            channel.sendall(json.dumps({"exit": code}).encode() + b"\n")
    os._exit(0)


def _line(channel: socket.socket) -> bytes:
    """Read one line and nothing after it: an order to stop may follow at once."""
    data = b""
    while not data.endswith(b"\n"):
        ahead = channel.recv(1 << 16, socket.MSG_PEEK)
        if not ahead:
            raise ConnectionError("the emulator ended before it sent what to run")
        data += channel.recv(ahead.find(b"\n") + 1 or len(ahead))
    return data


def _obey_until_end(container: int, channel: socket.socket, wake: int) -> bool:
    """Return True when the container has ended, False when the emulator or the host has."""
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if wake in ready:
                if signal.SIGTERM in os.read(wake, 512):
                    return False
                # WNOWAIT: as long as the zombie exists, no other group can get its number.
                options = os.WEXITED | os.WNOHANG | os.WNOWAIT
                while ended := os.waitid(os.P_ALL, 0, options):
                    if ended.si_pid == container:
                        return True
                    os.waitpid(ended.si_pid, 0)  # an orphan
            if channel in ready:
                try:
                    orders = channel.recv(16)
                except ConnectionError:
                    orders = b""
                if not orders:
                    return False
                _obey(orders, container)


def _obey(orders: bytes, container: int) -> None:
    if b"T" in orders:
        os.kill(container, signal.SIGTERM)
    if b"C" in orders:
        for child in _children(container) or [container]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
    if b"K" in orders:
        _kill_group(container)


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


def _end_all(container: int) -> int | None:
    """Kill the container and all that it started, as a real container's end does.

    Returns:
        The container's exit code; None if it could not be ended.
    """
    code = None
    _kill_group(container)
    deadline = time.monotonic() + KILL_SECONDS
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:  # all have ended
            return code
        if pid == container:
            code = os.waitstatus_to_exitcode(status)
        if pid:
            continue
        time.sleep(0.002)
        left = descendants(os.getpid())
        for stray in left:
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                os.kill(stray, signal.SIGKILL)
        if time.monotonic() > deadline:
            print(f"processes of a container cannot be ended: {left}", file=sys.stderr)
            return code


def descendants(ancestor: int) -> list[int]:
    """The numbers of all processes below one; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended
                status = (entry / "stat").read_bytes()
                parent = int(status.rpartition(b")")[2].split()[1])  # proc_pid_stat(5)
                children.setdefault(parent, []).append(int(entry.name))
    found = [ancestor]
    for pid in found:  # grows meanwhile
        found += children.get(pid, [])
    return found[1:]


def run(launch: Launch, output: int, keeper: int) -> None:
    """In the container: set it up, then become its command.

    Args:
        launch: What to run.
        output: The descriptor that takes what it prints.
        keeper: The number of its keeper, with which it ends.
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
        die_with(keeper, signal.SIGKILL)
    except OSError as error:
        print(f"The container could not be set up: {error}", file=sys.stderr, flush=True)
        os._exit(SETUP_FAILED)
    environment = launch["environment"]
    if launch["script"] is None:
        execute(launch["argv"], environment)
    os.environ.clear()
    os.environ.update(environment)
    _as_if_just_imported(environment)
    run_script(launch["script"], launch["argv"])


def die_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent is killed.

    Raises:
        OSError: The parent has ended already.
    """
    if sys.platform == "linux":  # after `enter`: unshare forgets it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(number))
    if os.getppid() != parent:
        raise OSError("its parent has ended")


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
