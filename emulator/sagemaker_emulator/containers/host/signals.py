"""Signals as bytes of a pipe, and the signal that follows a parent's end."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def wake_on(*numbers: signal.Signals) -> tuple[int, int]:
    """Have signals written to a pipe, a byte each with the signal's number; return its ends."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    return read, write


def sleep_through(number: signal.Signals, wake: tuple[int, int]) -> None:
    """Undo `wake_on` in a child."""
    signal.set_wakeup_fd(-1)
    signal.signal(number, signal.SIG_DFL)
    for descriptor in wake:
        os.close(descriptor)


def die_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent is killed.

    Raises:
        OSError: The parent has ended already.
    """
    if sys.platform == "linux":  # after `enter`: unshare forgets it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(number))
    if os.getppid() != parent:
        raise OSError("its parent has ended")
