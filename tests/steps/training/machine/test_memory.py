"""Freed memory stays with the process, so that the kernel need not fill it again."""

import platform
import subprocess
import sys

import pytest

from tests.steps.tiny_training import STEPS

PROGRAM = """
import os, resource, threading, torch
from training.machine import memory

def fill():
    torch.ones(16 * 1024 * 1024)  # 64 MiB

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=fill)  # as the backward pass has a thread of its own
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if child := os.fork():  # the child measures first, and without the setting
    os.waitpid(child, 0)
    memory.keep_freed()
print(sum(faults() for _ in range(40)), flush=True)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_freed_memory_is_used_again() -> None:
    """Pages that the kernel fills while a tensor is created forty times, before and after.

    It takes a few tensors until a freed block is large enough.
    """
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=STEPS, capture_output=True, text=True, check=True
    )
    before, after = map(int, result.stdout.split())
    assert after < 0.5 * before
