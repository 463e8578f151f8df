"""The command that controls SageMaker on this machine."""

import sys
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
        list[str] | None, typer.Argument(metavar="up|down|status|env|logs|reset")
    ] = None,
) -> None:
    """Control the emulator: up, down, status, env, logs, reset.

    Every folder of this machine uses the same one.
    """
    import sagemaker_emulator

    code = sagemaker_emulator.main(
        arguments or ["--help"],
        program="python pipeline.py emulator",
        command=[sys.executable, str(ROOT / "pipeline.py"), "emulator"],
        state=emulator_state(),
        images=ROOT / "containers",
    )
    raise typer.Exit(code)
