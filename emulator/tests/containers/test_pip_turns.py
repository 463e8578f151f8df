import fcntl
import os
import subprocess
import time
from pathlib import Path

from process_owner import build

from sagemaker_emulator.containers import environment, image, pip_turns

IMAGES = Path(__file__).parents[1] / "images"


def test_jobs_that_share_an_environment_install_in_turns(tmp_path: Path) -> None:
    built = environment.ensure(image.find(IMAGES, "plain"), tmp_path, build())
    python, pip = str(built / "bin/python"), ["pip", "--version"]
    with (built / pip_turns.LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert subprocess.run([python, "-c", "pass", "pip"], timeout=20).returncode == 0
        inner = os.environ | {pip_turns.HELD: "1"}  # as a pip that builds a package starts another
        assert subprocess.run([python, "-m", *pip], env=inner, timeout=20).returncode == 0
        waiting = [
            subprocess.Popen(command)
            for command in ([python, "-u", "-m", *pip], [str(built / "bin/pip3"), "--version"])
        ]
        time.sleep(2)
        assert [process.poll() for process in waiting] == [None, None]
    assert [process.wait(20) for process in waiting] == [0, 0]
