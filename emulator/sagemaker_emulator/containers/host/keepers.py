"""The keepers of a host, one for each container that the emulator asks for."""

import contextlib
import os
import selectors
import signal
import socket
import sys

from .channel import refuse
from .signals import sleep_through, wake_on


def serve(control: socket.socket) -> tuple[socket.socket, int] | None:
    """Fork a keeper for each container until the emulator ends.

    Returns:
        In a keeper, its channel and the descriptor of its output; None in the host.
    """
    wake = wake_on(signal.SIGCHLD)
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
                sleep_through(signal.SIGCHLD, wake)
                control.close()
                return channel, output
            channel.close()
            os.close(output)
            if forked is not None:
                keepers.add(forked)


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
        refuse(channel, output, error)
        return None
