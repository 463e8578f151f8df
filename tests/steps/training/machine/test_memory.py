"""Memory that is freed stays with the process, so that the kernel need not fill it again."""

import platform
import subprocess
import sys

import pytest

from tests.steps.tiny_training import STEPS

AGAIN = """
import resource, sys, threading, torch
from training.machine import memory

def fill():
    torch.ones(16 * 1024 * 1024)  # 64 MiB

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=fill)  # as the backward pass has a thread of its own
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    memory.keep_freed()
print(sum(faults() for _ in range(40)))
"""


def faults(how: str) -> int:
    """Pages that the kernel fills while a tensor is made forty times."""
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, how], cwd=STEPS, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_memory_that_is_freed_is_used_again():
    # Not the first time only: it takes a few until a freed place is large enough.
    assert faults("kept") < 0.5 * faults("returned")
