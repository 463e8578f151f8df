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
        list[str] | None, typer.Argument(metavar="up|down|status|console|env|logs|reset")
    ] = None,
) -> None:
    """Control the emulator; `console` opens its pages in a browser.

    Every folder of this machine uses the same emulator.
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
