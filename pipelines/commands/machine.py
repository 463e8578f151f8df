"""The verb that handles this machine's own SageMaker."""

import subprocess
import sys
from typing import Annotated

import typer

from pipelines.root import environment

PANEL = "This machine"
app = typer.Typer()


@app.command(
    rich_help_panel=PANEL,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
def emulator(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="up|down|status|env|reset")
    ] = None,
) -> None:
    """Handle SageMaker on this machine: up, down, status, env, reset."""
    command = [sys.executable, "-m", "emulator", *(arguments or ["--help"])]
    raise typer.Exit(subprocess.run(command, env=environment()).returncode)
