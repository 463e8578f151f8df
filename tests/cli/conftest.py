"""A command line with an emulator of its own, for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.cli.command_line import CommandLine


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A command line whose emulator has not been started."""
    line = CommandLine(tmp_path_factory.mktemp("cli") / "emulator")
    yield line
    line.emulator("down")


@pytest.fixture(scope="module")
def fresh(line: CommandLine) -> CommandLine:
    """An emulator where nothing but `setup` has been done."""
    done = line.run("setup")
    assert done.returncode == 0, done.stderr
    return line
