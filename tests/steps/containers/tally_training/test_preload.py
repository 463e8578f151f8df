"""The modules that a warm process of the training image imports in advance."""

import importlib.util
import subprocess
import sys
from pathlib import Path

IMAGE = Path(__file__).parents[4] / "containers" / "tally-training"


def test_preload_names_modules_of_the_image_or_its_environment() -> None:
    for name in (IMAGE / "preload.txt").read_text().split():
        assert (IMAGE / f"{name}.py").is_file() or importlib.util.find_spec(name)


def test_a_process_can_be_forked_after_preload() -> None:
    """No thread, and a child that trains: what a warm image lives from."""
    program = (
        "import os, sys, threading, preload, torch\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "task = '/proc/self/task'\n"
        "assert not os.path.isdir(task) or len(os.listdir(task)) == 1, os.listdir(task)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    m = torch.nn.Conv2d(3, 4, 3); m(torch.rand(2, 3, 32, 32)).sum().backward()\n"
        "    os._exit(0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=IMAGE, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
