"""Verbs that run the pipeline and look at its executions.

Whatever a verb needs is imported inside it, so that `--help` and the quick verbs stay quick.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import NAME
from pipelines.commands.shared import (
    INTERRUPTED,
    AsJson,
    Execution,
    Place,
    Target,
    examples,
    open_target,
    print_json,
    say,
)
from pipelines.commands.verbs import Verbs

if TYPE_CHECKING:
    from pipelines.executions.watch import Look

PANEL = "Run"
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Show the steps until the execution ends.")
]
app = Verbs()


@app.command(
    rich_help_panel=PANEL,
    epilog=examples(
        "start",
        "start -p DataSource=../bins -p SubsetSize=500",
        "start --no-wait    (and later: status)",
        "start --name spring    (and later: report spring)",
    ),
)
def start(
    context: typer.Context,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="NAME=VALUE",
            help="Set a pipeline parameter; `parameters` lists them all.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Call it so; every verb finds it by that, too.", show_default=False
        ),
    ] = None,
    wait: Wait = True,
    target: Target = None,
) -> None:
    """Start an execution and show its steps as they run.

    The exit code is 0 only when it has Succeeded.
    DataSource and FileList may be on this machine; they are uploaded first.
    """
    from pipelines.executions import start as starting
    from pipelines.provisioning import upsert

    place = open_target(context, target)
    arn = starting.start(place.session, place.settings, parameters or [], name, say)
    with _named(arn, wait):
        if upsert.differs(place.session, place.settings):
            say(
                "The code or settings here are not those of the last `upsert`, which the execution "
                "runs. `python pipeline.py upsert start` runs what is here."
            )
        last = _watch(place, arn) if wait else None
    if last:
        _conclude(place, last)


@app.command(
    rich_help_panel=PANEL,
    epilog=examples("parameters", "start -p MaxTrials=4    (sets one of them)"),
)
def parameters(context: typer.Context, as_json: AsJson = False, target: Target = None) -> None:
    """List the pipeline's parameters: what each is, its default and what is allowed."""
    from pipelines.parameters import declared

    found = declared(open_target(context, target).settings)
    if as_json:
        names = ("name", "type", "default", "help", "allowed")
        print_json([{name: getattr(one, name) for name in names} for one in found])
    else:
        from pipelines.display import tables, terminal

        terminal.show(tables.parameters(found))


@app.command(
    rich_help_panel=PANEL, epilog=examples("status", "status 8x2k --json", "status --markdown")
)
def status(
    context: typer.Context,
    which: Execution = None,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a job summary.")
    ] = False,
    target: Target = None,
) -> None:
    """Show an execution: steps, failures, best trial, metrics, debug rules, model version."""
    from pipelines.executions import execution, outcome, watch

    place = open_target(context, target)
    client = place.client()
    arn = execution.resolve(client, NAME, which)
    now = watch.look(client, place.client("logs"), arn)
    results = outcome.read(client, place.client("s3"), now.execution)
    if as_json:
        print_json({**now.execution.as_dict(), "details": now.details, **results.as_dict()})
    elif markdown:
        from pipelines.display import markdown_summary

        typer.echo(markdown_summary.render(now, results))
    else:
        from pipelines.display import tables, terminal

        terminal.show(*tables.status(now, results))


@app.command("logs", rich_help_panel=PANEL, epilog=examples("logs Train", "logs Tune --follow"))
def show_logs(
    context: typer.Context,
    step: Annotated[
        str, typer.Argument(metavar="STEP", help="The step's name, such as Prepare or Train.")
    ],
    which: Execution = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the step has ended.")
    ] = False,
    target: Target = None,
) -> None:
    """Print what a step's job wrote; of a tuning step, what each trial wrote."""
    from pipelines.executions import execution, logs

    place = open_target(context, target)
    client = place.client()
    arn = execution.resolve(client, NAME, which)
    try:
        any_line = logs.show(client, place.client("logs"), arn, step, typer.echo, follow=follow)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if not any_line:
        say(f"Step {step} has written nothing to its log. `python pipeline.py status` shows it.")


@app.command(rich_help_panel=PANEL, epilog=examples("stop", "stop 8x2k"))
def stop(context: typer.Context, which: Execution = None, target: Target = None) -> None:
    """Stop an execution and the jobs it runs."""
    from pipelines.executions import execution

    client = open_target(context, target).client()
    arn = execution.resolve(client, NAME, which)
    execution.stop(client, arn)
    typer.echo(f"Execution {arn.rpartition('/')[2]} is being stopped.")


@app.command(rich_help_panel=PANEL, epilog=examples("retry", "retry 8x2k --no-wait"))
def retry(
    context: typer.Context, which: Execution = None, wait: Wait = True, target: Target = None
) -> None:
    """Run a failed or stopped execution on from the step that failed, with its parameters."""
    from pipelines.executions import execution

    place = open_target(context, target)
    arn = execution.resolve(place.client(), NAME, which)
    execution.retry(place.client(), arn)
    with _named(arn, wait):
        last = _watch(place, arn) if wait else None
    if last:
        _conclude(place, last)


@app.command("list", rich_help_panel=PANEL, epilog=examples("list", "list -n 5 --json"))
def list_executions(
    context: typer.Context,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="The newest so many.")
    ] = 20,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """List the executions, newest first."""
    from itertools import islice

    from pipelines.executions import execution

    client = open_target(context, target).client()
    found = list(islice(execution.list_executions(client, NAME), limit))
    if as_json:
        print_json(found)
    elif not found:
        say("There is no execution yet: `python pipeline.py start` begins one.")
    else:
        from pipelines.display import tables, terminal

        terminal.show(tables.executions(found))


@app.command(rich_help_panel=PANEL, epilog=examples("report", "report 8x2k --output ~/reports"))
def report(
    context: typer.Context,
    which: Execution = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to write in.")
    ] = Path("reports"),
    target: Target = None,
) -> None:
    """Write one HTML file about an execution, with its pictures, and the pictures beside it."""
    from pipelines.display import report as reporting
    from pipelines.executions import execution

    place = open_target(context, target)
    arn = execution.resolve(place.client(), NAME, which)
    typer.echo(str(reporting.write(place.session, arn, output)))


@contextmanager
def _named(arn: str, wait: bool) -> Iterator[None]:
    """Say at once which execution runs, and at a Ctrl-C that it goes on: none is left unnamed.

    Args:
        arn: The execution.
        wait: Whether it is watched in what follows.
    """
    identity = arn.rpartition("/")[2]
    go_on = (
        f"  python pipeline.py status {identity}    looks at it\n"
        f"  python pipeline.py stop {identity}      stops it"
    )
    if wait:
        say(f"Execution {identity} (Ctrl-C ends the watching, not the execution)")
    else:
        typer.echo(identity)
        say(f"The execution runs by itself.\n{go_on}")
    try:
        yield
    except KeyboardInterrupt:
        say(f"\nNo longer watched; the execution goes on by itself.\n{go_on}")
        raise typer.Exit(INTERRUPTED) from None


def _watch(place: Place, arn: str) -> "Look":
    """Show an execution until it ends."""
    from pipelines.display import terminal
    from pipelines.executions import watch

    return terminal.show_live(watch.looks(place.client(), place.client("logs"), arn))


def _conclude(place: Place, last: "Look") -> None:
    """Show what came out of an execution; the exit code is 1 where it has not succeeded."""
    from pipelines.display import tables, terminal
    from pipelines.executions import outcome, watch

    client, logs = place.client(), place.client("logs")
    results = outcome.read(client, place.client("s3"), last.execution)
    if last.execution.status != "Succeeded":
        terminal.show_failure(last, watch.last_words(client, logs, last.execution))
    terminal.show(*tables.results(last.execution, results))
    if last.execution.status != "Succeeded":
        raise typer.Exit(1)
