"""The command line of Tally: one command per task, on this machine or on AWS.

The commands are in `pipelines/commands/`, in the order of --help.
"""

import os
import signal
import sys
from typing import Annotated

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # While modules are imported, Ctrl-C ends the program without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import typer

from pipelines.commands import (
    build,
    count,
    desk,
    look,
    machine,
    run,
    serve,
    shadow,
    versions,
    watch,
)
from pipelines.commands.group import Program
from pipelines.commands.shared import LOCAL, TargetOption, note

app = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: [bold]python pipeline.py upsert start[/bold]\n\n"
    "COMMAND --help shows a command's options and examples.",
)

for group in (build, run, look, versions, serve, shadow, watch, count, desk, machine):
    app.add_typer(group.app)


@app.callback()
def choose(
    target: TargetOption = LOCAL,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="PIPELINE_DEBUG", help="Show tracebacks of errors.")
    ] = False,
) -> None:
    """Count the items in warehouse bins with SageMaker, on this machine or on AWS."""
    os.environ["PIPELINE_TARGET"] = target.name  # a --target after the command overrides it
    if debug:
        os.environ["PIPELINE_DEBUG"] = "1"


def calls(arguments: list[str]) -> list[list[str]]:
    """Split a command line into calls: `upsert ... start ...` is two.

    Options before the first command (`--target aws`) apply to both. A dry run starts nothing, so
    `upsert --dry-run start` is one call, which is refused; as is `upsert --diff start`.
    """
    if (
        not {"--dry-run", "--diff"} & set(arguments)
        and "upsert" in arguments
        and "start" in arguments[arguments.index("upsert") :]
    ):
        first, second = arguments.index("upsert"), arguments.index("start")
        return [arguments[:second], arguments[:first] + arguments[second:]]
    return [arguments]


def main(arguments: list[str]) -> int:
    """Run a command line and return its exit code; an expected failure becomes one message."""
    try:
        for call in calls(arguments):
            try:
                app(call, prog_name="python pipeline.py")
            except SystemExit as ended:
                if ended.code:
                    return ended.code if isinstance(ended.code, int) else 1
    except Exception as error:
        if os.environ.get("PIPELINE_DEBUG"):
            raise
        from pipelines.display.error_messages import explain

        message = explain(error) or (
            f"Unexpected {type(error).__name__}: {error}\nThis is an error of the program. "
            "To see where it happened, repeat the command with --debug before its name."
        )
        note(f"Error: {message}")
        return 1
    return 0


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A CI job that is cancelled, or a shell that closes, is handled as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
