"""`python pipeline.py emulator` from any folder of the machine."""

import json
import sys
from pathlib import Path

from tests.cli.command_line import ROOT, CommandLine


def test_every_folder_uses_the_repositorys_emulator(line: CommandLine, tmp_path: Path) -> None:
    done = line.run("emulator", "status", cwd=tmp_path, EMULATOR_STATE="")
    assert str(ROOT / ".emulator") in done.stdout


def test_up_uses_the_repositorys_images_from_any_folder(line: CommandLine, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    done = line.run("emulator", "up", cwd=tmp_path, EMULATOR_STATE=state)
    try:
        assert done.returncode == 0, done.stderr
        status = line.run("emulator", "status", "--json", cwd=tmp_path, EMULATOR_STATE=state)
        assert json.loads(status.stdout)["images"] == str(ROOT / "containers")
    finally:
        line.run("emulator", "down", cwd=tmp_path, EMULATOR_STATE=state)
    refused = line.run("emulator", "up", "--images", "none", cwd=tmp_path, EMULATOR_STATE=state)
    assert f"there is no folder {tmp_path / 'none'}" in refused.stderr


def test_the_commands_in_messages_work_from_any_folder(line: CommandLine, tmp_path: Path) -> None:
    state = tmp_path / "state"
    absent = line.run("emulator", "env", cwd=tmp_path, EMULATOR_STATE=str(state))
    assert absent.returncode == 1
    command = f"{sys.executable} {ROOT / 'pipeline.py'} emulator up --state {state}"
    assert absent.stderr == f"emulator: not running; start it with: {command}\n"
    assert "usage: python pipeline.py emulator [-h]" in line.run("emulator").stdout
