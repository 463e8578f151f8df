"""What the scripts of processing jobs share: how one fails, how it is stopped, and an argument."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path


def fail(root: Path, step: str, error: Exception) -> int:
    """Show why the step cannot go on, also as the job's ExitMessage; return the exit code, 1.

    Args:
        root: /opt/ml, or what stands for it.
        step: the step's name, before the message on standard error.
        error: its text is the message.
    """
    print(f"{step}: {error}", file=sys.stderr)
    message = root / "output/message"  # SageMaker shows it as the ExitMessage
    message.parent.mkdir(parents=True, exist_ok=True)
    message.write_text(str(error))
    return 1


def end_when_stopped() -> None:
    """End the process on SIGTERM, by which SageMaker stops a job.

    A container's first process ends on it only if it has a handler; os._exit ends threads, too.
    """
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))


def share(text: str) -> float:
    """An argument that is a share above 0 and below 1.

    Raises:
        ArgumentTypeError: it is none; argparse shows the message.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0 and below 1")
    return value
