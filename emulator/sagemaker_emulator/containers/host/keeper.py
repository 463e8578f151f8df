"""The process that stands above a container and ends all that is left of it."""

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

from .channel import receive, refuse, send_exit
from .container import run
from .signals import die_with, sleep_through, wake_on

PR_SET_CHILD_SUBREAPER = 36
KILL_SECONDS = 10.0  # for which what a container left is killed again and again


def keep(channel: socket.socket, output: int, host: int) -> None:
    """In a keeper: start the container, obey the emulator, and end all that is left of it.

    It returns in the container only, which it leaves as a process of its own.

    Args:
        channel: To the emulator.
        output: The descriptor that takes what the container prints.
        host: The number of the host, with which the container ends.
    """
    wake = wake_on(signal.SIGCHLD, signal.SIGTERM)
    keeper = os.getpid()
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
        die_with(host, signal.SIGTERM)
        launch = receive(channel)
        # An order to stop may follow at once: until the container has no handler for it, it waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        container = os.fork()
    except (OSError, ValueError) as error:
        refuse(channel, output, error)
        os._exit(0)
    if container == 0:
        channel.close()
        sleep_through(signal.SIGCHLD, wake)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        run(launch, output, keeper)
        return
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.close(output)
    ended = _obey_until_end(container, channel, wake[0])
    code = _end_all(container)
    if ended and code is not None:
        send_exit(channel, code)
    os._exit(0)


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
