"""The verb that handles this machine's own SageMaker."""

import os
from typing import Annotated

import typer

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
        list[str] | None, typer.Argument(metavar="up|down|status|env|reset")
    ] = None,
) -> None:
    """Handle SageMaker on this machine: up, down, status, env, reset.

    It is the one that the other verbs talk to, in whatever folder this is typed.
    """
    from sagemaker_emulator.__main__ import main

    verb, *options = arguments or ["--help"]
    if verb in ("up", "serve"):
        # Before the person's own options, of which one given twice holds as it is given last.
        options = ["--images", str(ROOT / "containers"), *options]
    os.environ["EMULATOR_STATE"] = str(emulator_state())
    raise typer.Exit(main([verb, *options], "python pipeline.py emulator"))
