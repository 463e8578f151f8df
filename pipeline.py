"""The command line of Tally: one verb per intention, on this machine or on AWS.

Whatever a verb needs is imported inside it, so that `--help` and the quick verbs stay quick; only
`upsert` of changed code imports the SageMaker SDK.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    import boto3

    from model_registry.promotion import Placement, Promotion
    from pipelines.settings import Settings

ROOT = Path(__file__).resolve().parent
NAME = "tally"  # of the pipeline and of the model package group
ENDPOINT_SECONDS = 1800.0  # on AWS an endpoint takes minutes, and longer where instances are scarce
INTERRUPTED = 130  # what a shell says of a program ended by Ctrl-C
BUILD, RUN, MODELS, MACHINE = "Build", "Run", "Models", "This machine"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: [bold]python pipeline.py upsert start[/bold]. "
    "Every verb has its own --help, with examples.",
)

Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        metavar="local|aws",
        help="This machine, or AWS. \\[default: $PIPELINE_TARGET, else local]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Show the steps until the execution ends.")
]
Execution = Annotated[
    str | None,
    typer.Argument(
        metavar="EXECUTION",
        help="Its id, ARN, or the beginning of its id. \\[default: the latest]",
        show_default=False,
    ),
]
PendingVersion = Annotated[
    str | None,
    typer.Argument(
        metavar="VERSION", help="Its number. \\[default: the newest pending]", show_default=False
    ),
]
Note = Annotated[str, typer.Option("--note", "-m", help="Why; it is kept with the version.")]


class Place(NamedTuple):
    """A target that has been opened."""

    session: "boto3.Session"
    settings: "Settings"

    def client(self, service: str = "sagemaker") -> Any:
        """A boto3 client."""
        return self.session.client(service)

    def placement(self) -> "Placement":
        """Where an approved model goes."""
        from model_registry.promotion import Placement

        settings = self.settings
        return Placement(settings.endpoint, settings.instances.inference, settings.role_arn)


def _examples(*commands: str) -> str:
    return "\n\n".join(["[bold]Examples[/bold]", *(f"python pipeline.py {c}" for c in commands)])


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


@app.command(
    rich_help_panel=BUILD,
    epilog=_examples("upsert", "upsert start -p MaxTrials=4    (both verbs in one call)"),
)
def upsert(
    context: typer.Context,
    target: Target = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the definition and change nothing.")
    ] = False,
) -> None:
    """Create the pipeline, or update it to the code and settings here.

    Unchanged code and settings are recognised: then nothing is built or sent.
    """
    from pipelines import upsert as upserting

    place = _open(context, target)
    if dry_run:
        typer.echo(upserting.dry_run(place.settings))
    else:
        typer.echo(str(upserting.upsert(place.session, place.settings)))


@app.command(rich_help_panel=BUILD, epilog=_examples("setup", "setup --target aws"))
def setup(context: typer.Context, target: Target = None) -> None:
    """Make what the pipeline needs: bucket, role, package group, Lambda, approval rule.

    It can be repeated; what is there stays. On this machine `upsert` does it by itself.
    """
    from pipelines import setup as setting_up

    place = _open(context, target)
    for line in setting_up.setup(place.session, place.settings):
        typer.echo(str(line))


@app.command(
    rich_help_panel=RUN,
    epilog=_examples(
        "start",
        "start -p DataSource=../bins -p SubsetSize=500",
        "start --no-wait    (and later: status)",
    ),
)
def start(
    context: typer.Context,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a pipeline parameter."),
    ] = None,
    wait: Wait = True,
    target: Target = None,
) -> None:
    """Start an execution and show its steps as they run.

    The exit code is 0 only when it has Succeeded.
    DataSource and FileList may be on this machine; they are uploaded first.
    """
    from pipelines import starting

    place = _open(context, target)
    _follow(place, starting.start(place.session, place.settings, parameters or []), wait)


@app.command(
    rich_help_panel=RUN, epilog=_examples("status", "status 8x2k --json", "status --markdown")
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
    from pipelines import execution, outcome, watch

    place = _open(context, target)
    client = place.client()
    arn = execution.resolve(client, NAME, which)
    now = watch.look(client, place.client("logs"), arn)
    results = outcome.read(client, place.client("s3"), now.execution)
    if as_json:
        _print_json({**now.execution.as_dict(), "details": now.details, **results.as_dict()})
    elif markdown:
        from pipelines import summary

        typer.echo(summary.markdown(now, results))
    else:
        from pipelines import terminal

        terminal.show(terminal.status(now, results))


@app.command("logs", rich_help_panel=RUN, epilog=_examples("logs Train", "logs Tune --follow"))
def show_logs(
    context: typer.Context,
    step: Annotated[str, typer.Argument(help="The step's name, such as Prepare or Train.")],
    which: Execution = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the step has ended.")
    ] = False,
    target: Target = None,
) -> None:
    """Print what a step's job wrote; of a tuning step, what each trial wrote."""
    from pipelines import execution, logs

    place = _open(context, target)
    client = place.client()
    arn = execution.resolve(client, NAME, which)
    try:
        logs.show(client, place.client("logs"), arn, step, typer.echo, follow=follow)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


@app.command(rich_help_panel=RUN)
def stop(context: typer.Context, which: Execution = None, target: Target = None) -> None:
    """Stop an execution and the jobs it runs."""
    from pipelines import execution

    client = _open(context, target).client()
    arn = execution.resolve(client, NAME, which)
    execution.stop(client, arn)
    typer.echo(f"Execution {arn.rpartition('/')[2]} is being stopped.")


@app.command(rich_help_panel=RUN)
def retry(
    context: typer.Context, which: Execution = None, wait: Wait = True, target: Target = None
) -> None:
    """Run a failed or stopped execution on from the step that failed, with its parameters."""
    from pipelines import execution

    place = _open(context, target)
    arn = execution.resolve(place.client(), NAME, which)
    execution.retry(place.client(), arn)
    _follow(place, arn, wait)


@app.command("list", rich_help_panel=RUN)
def list_executions(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")] = 20,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """List the executions, newest first."""
    from itertools import islice

    from pipelines import execution

    client = _open(context, target).client()
    found = list(islice(execution.list_executions(client, NAME), limit))
    if as_json:
        _print_json(found)
    else:
        from pipelines import terminal

        terminal.show(terminal.executions(found))


@app.command(rich_help_panel=RUN, epilog=_examples("report", "report 8x2k --output ~/reports"))
def report(
    context: typer.Context,
    which: Execution = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write in.")] = Path(
        "reports"
    ),
    target: Target = None,
) -> None:
    """Write one HTML file about an execution, with its pictures, and the pictures beside it."""
    from pipelines import execution
    from pipelines import report as reporting

    place = _open(context, target)
    arn = execution.resolve(place.client(), NAME, which)
    typer.echo(str(reporting.write(place.session, arn, output)))


@app.command(rich_help_panel=MODELS, epilog=_examples("models", "models 3 4    (side by side)"))
def models(
    context: typer.Context,
    versions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VERSION...", help="Only these. \\[default: all]", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """List the model versions: approval, test metrics side by side, and which one is serving."""
    from model_registry import comparison

    place = _open(context, target)
    compared = comparison.compare(place.session, NAME, place.settings.endpoint, versions or [])
    if as_json:
        _print_json([entry.as_dict() for entry in compared])
    else:
        from pipelines import terminal

        terminal.show(terminal.models(compared))


@app.command(rich_help_panel=MODELS, epilog=_examples("approve", "approve 3 -m 'seen by Ada'"))
def approve(
    context: typer.Context, version: PendingVersion = None, note: Note = "", target: Target = None
) -> None:
    """Approve a model version; the approval rule then deploys it."""
    from model_registry import versions

    place = _open(context, target)
    number = versions.parse_version(version) if version else None
    done = versions.approve(place.client(), NAME, number, note)
    typer.echo(f"Version {done.version} is approved, and the approval rule deploys it now.")
    _say("To wait for it: python pipeline.py endpoint --wait")


@app.command(rich_help_panel=MODELS)
def reject(
    context: typer.Context, version: PendingVersion = None, note: Note = "", target: Target = None
) -> None:
    """Reject a model version; an endpoint that serves it goes on until `rollback` or `promote`."""
    from model_registry import versions

    place = _open(context, target)
    number = versions.parse_version(version) if version else None
    done = versions.reject(place.client(), NAME, number, note)
    typer.echo(f"Version {done.version} is rejected.")


@app.command(rich_help_panel=MODELS, epilog=_examples("promote 3"))
def promote(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="The number of an approved version.")],
    target: Target = None,
) -> None:
    """Serve an approved version: the endpoint is created, or updated with its settings kept."""
    from model_registry import promotion, versions

    place = _open(context, target)
    client = place.client()
    chosen = versions.find(client, NAME, versions.parse_version(version))
    _tell(promotion.promote(client, chosen.arn, place.placement(), wait_seconds=ENDPOINT_SECONDS))


@app.command(rich_help_panel=MODELS)
def rollback(context: typer.Context, target: Target = None) -> None:
    """Serve the approved version again that was served before this one."""
    from model_registry import promotion

    place = _open(context, target)
    _tell(promotion.rollback(place.client(), place.placement(), wait_seconds=ENDPOINT_SECONDS))


@app.command(rich_help_panel=MODELS, epilog=_examples("endpoint", "endpoint --wait"))
def endpoint(
    context: typer.Context,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Until the version approved last is in service."),
    ] = False,
    seconds: Annotated[
        float, typer.Option("--timeout", help="The longest wait, in seconds.")
    ] = ENDPOINT_SECONDS,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """Show the endpoint: its status, the version it serves, its configuration."""
    from model_registry import endpoint as endpoints
    from model_registry import rollout

    place = _open(context, target)
    client = place.client()
    if wait:
        rollout.wait(client, NAME, place.settings.endpoint, seconds, _say)
    found = endpoints.describe(client, place.settings.endpoint)
    if as_json:
        _print_json(found)
    else:
        from pipelines import terminal

        terminal.show(terminal.endpoint(found))
    if found["status"] in ("Failed", "OutOfService", "UpdateRollbackFailed"):
        raise typer.Exit(1)


@app.command(
    rich_help_panel=MODELS,
    epilog=_examples("predict bin.jpg", "predict bin.jpg --expected 3", "predict *.jpg --json"),
)
def predict(
    context: typer.Context,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="JPEG or PNG files.")],
    expected: Annotated[
        int | None, typer.Option(min=0, help="How many items there should be; is it so?")
    ] = None,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """Ask the endpoint how many items the images show."""
    from model_registry import prediction

    # Before the target is opened: a wrong file needs no endpoint to be told so.
    checked = [prediction.load(path) for path in images]
    place = _open(context, target)
    answers = prediction.predict_all(place.session, place.settings.endpoint, checked, expected)
    if as_json:
        _print_json([answer.as_dict() for answer in answers])
    else:
        from pipelines import terminal

        terminal.show(terminal.predictions(answers))


@app.command(
    rich_help_panel=MACHINE,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
def emulator(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="up|down|status|env|reset")
    ] = None,
) -> None:
    """Handle SageMaker on this machine: up, down, status, env, reset."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "emulator", *(arguments or ["--help"])]
    raise typer.Exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": path}).returncode)


def _open(context: typer.Context, target: str | None) -> Place:
    """Open the target named after the verb, before it, in the environment, or the local one."""
    from pipelines.target import open_target

    chosen = target or context.obj or os.environ.get("PIPELINE_TARGET") or "local"
    return Place(*open_target(chosen))


def _follow(place: Place, arn: str, wait: bool) -> None:
    """Show an execution until it ends; Ctrl-C ends the showing only."""
    identity = arn.rpartition("/")[2]
    go_on = (
        f"  python pipeline.py status {identity}    looks at it\n"
        f"  python pipeline.py stop {identity}      stops it"
    )
    if not wait:
        typer.echo(identity)
        _say(f"The execution runs by itself.\n{go_on}")
        return
    from pipelines import outcome, terminal, watch

    client, logs = place.client(), place.client("logs")
    _say(f"Execution {identity} (Ctrl-C ends the watching, not the execution)")
    try:
        last = terminal.show_live(watch.looks(client, logs, arn))
    except KeyboardInterrupt:
        _say(f"\nNo longer watched; the execution goes on by itself.\n{go_on}")
        raise typer.Exit(INTERRUPTED) from None
    results = outcome.read(client, place.client("s3"), last.execution)
    terminal.show(terminal.results(results))
    if last.execution.status != "Succeeded":
        terminal.show_failure(last, watch.last_words(client, logs, last.execution))
        raise typer.Exit(1)


def _tell(done: "Promotion") -> None:
    typer.echo(f"Endpoint {done.endpoint_name}, version {done.version}: {done.status}.")
    _say("To wait for it: python pipeline.py endpoint --wait")


def _say(text: str) -> None:
    """For the person; standard output is for what was asked."""
    typer.echo(text, err=True)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, default=str))


def calls(arguments: list[str]) -> list[list[str]]:
    """The calls a command line stands for: `upsert ... start ...` is two of them.

    Options before the first verb (`--target aws`) hold for both.
    """
    if "upsert" in arguments and "start" in arguments[arguments.index("upsert") :]:
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
        from pipelines.problems import explain

        said = explain(error) or (
            f"Unexpected {type(error).__name__}: {error}\nThis is an error of the program. "
            "With --debug before the verb the same command shows where it happened."
        )
        _say(f"Error: {said}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
