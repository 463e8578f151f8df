"""The command line of Tally: one verb per intention, on this machine or on AWS.

The verbs are in `pipelines/commands/`, in the order of --help: build, run, models, machine.
"""

import os
import signal
import sys
from typing import Annotated

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # The imports take a moment, in which Ctrl-C ends the program without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import typer

from pipelines.commands import build, machine, models, run
from pipelines.commands.shared import Target, say
from pipelines.commands.verbs import Program, Verbs

app = Verbs(
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: [bold]python pipeline.py upsert start[/bold]. "
    "Every verb has its own --help, with examples.",
)

for group in (build, run, models, machine):
    app.add_typer(group.app)


@app.callback()
def choose(
    context: typer.Context,
    target: Target = None,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="PIPELINE_DEBUG", help="Show where an error comes from."),
    ] = False,
) -> None:
    """Count the items in warehouse bins: a SageMaker pipeline, on this machine or on AWS."""
    context.obj = target
    if debug:
        os.environ["PIPELINE_DEBUG"] = "1"


def calls(arguments: list[str]) -> list[list[str]]:
    """The calls a command line stands for: `upsert ... start ...` is two of them.

    Options before the first verb (`--target aws`) hold for both. A dry run starts nothing, so that
    `upsert --dry-run start` is one call, which is refused.
    """
    if (
        "--dry-run" not in arguments
        and "upsert" in arguments
        and "start" in arguments[arguments.index("upsert") :]
    ):
        first, second = arguments.index("upsert"), arguments.index("start")
        return [arguments[:second], arguments[:first] + arguments[second:]]
    return [arguments]


def main(arguments: list[str]) -> int:
    """Run a command line and answer its exit code; expected failures become one clear message."""
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

        said = explain(error) or (
            f"Unexpected {type(error).__name__}: {error}\nThis is an error of the program. "
            "With --debug before the verb the same command shows where it happened."
        )
        say(f"Error: {said}")
        return 1
    return 0


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A CI that is cancelled, or a shell that closes, leaves as little behind as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
