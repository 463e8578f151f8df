"""The verb that handles this machine's own SageMaker."""

import sys
from typing import Annotated

import typer

import sagemaker_emulator
from pipelines.commands.verbs import Verbs
from pipelines.root import ROOT, emulator_state

PANEL = "This machine"
app = Verbs()


@app.command(
    rich_help_panel=PANEL,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
def emulator(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="up|down|status|env|logs|reset")
    ] = None,
) -> None:
    """Handle SageMaker on this machine: up, down, status, env, reset.

    It is the one that the other verbs talk to, in whatever folder this is typed.
    """
    code = sagemaker_emulator.main(
        arguments or ["--help"],
        program="python pipeline.py emulator",
        command=[sys.executable, str(ROOT / "pipeline.py"), "emulator"],
        state=emulator_state(),
        images=ROOT / "containers",
    )
    raise typer.Exit(code)
