"""For whom a test runs processes, and how it builds environments."""

import subprocess
from collections.abc import Callable, Mapping, Sequence

from sagemaker_emulator.containers.environment import Build
from sagemaker_emulator.containers.process import Process


class Nobody:
    """An owner that is never asked to stop."""

    def check(self) -> None:
        pass

    def attach(self, process: Process) -> None:
        pass


def build(log: Callable[[str], None] = print) -> Build:
    """A build that runs its programs as the test's own children."""

    def run(
        command: Sequence[str], environment: Mapping[str, str], log_line: Callable[[str], None]
    ) -> tuple[int, list[str]]:
        ended = subprocess.run(
            command, env=environment, stdout=-1, stderr=subprocess.STDOUT, text=True, check=False
        )
        lines = ended.stdout.splitlines()
        for line in lines:
            log_line(line)
        return ended.returncode, lines

    return Build(log, run)
