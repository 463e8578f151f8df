"""The command that controls SageMaker on this machine."""

import os
from typing import Annotated

import typer

from pipelines.commands.group import Group
from pipelines.root import ROOT, emulator_state

app = Group("This machine")


@app.add(
    "emulator status", context_settings={"ignore_unknown_options": True, "help_option_names": []}
)
def emulator(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="up|down|status|env|reset")
    ] = None,
) -> None:
    """Control the emulator: up, down, status, env, reset.

    Every folder of this machine uses the same one.
    """
    from sagemaker_emulator.__main__ import main

    command, *options = arguments or ["--help"]
    if command in ("up", "serve"):
        # Before the person's own options, because the last of an option given twice counts.
        options = ["--images", str(ROOT / "containers"), *options]
    os.environ["EMULATOR_STATE"] = str(emulator_state())
    raise typer.Exit(main([command, *options], "python pipeline.py emulator"))
