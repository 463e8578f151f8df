"""Commands that start, stop and resume executions of the pipeline."""

from typing import Annotated

import typer

from pipelines.commands.group import Group
from pipelines.commands.shared import (
    INTERRUPTED,
    LOCAL,
    ExecutionName,
    Target,
    TargetOption,
    find_execution,
    note,
    print_json,
    say,
)

Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Show the steps until the execution ends.")
]
app = Group("Run")


@app.add(
    "start",
    "start -p DataSource=../bins -p SubsetSize=500",
    "start --name spring    # then: status spring",
    "start --no-wait        # then: status",
    "start --estimate       # time and cost; starts nothing",
    "start --max-cost 5     # only if it costs at most 5 USD",
    context_settings={"allow_extra_args": True},
)
def start(
    context: typer.Context,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="NAME=VALUE",
            help="Set a pipeline parameter; see `parameters`.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name this execution; commands accept the name instead of the id."
        ),
    ] = None,
    wait: Wait = True,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Show the expected time and cost; start nothing.")
    ] = False,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="USD", min=0, help="Start nothing if it may cost more."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --estimate: print JSON.")] = False,
    target: TargetOption = LOCAL,
) -> None:
    """Start an execution and show its steps as they run.

    DataSource, FurtherSource, AuditSource and FileList may be local paths,
    which are uploaded first.
    The exit code is 0 only when the execution has Succeeded.
    """
    from pipelines.executions import start as starting

    if context.args:
        assigned = [f"-p {word}" for word in context.args if "=" in word]
        note(
            f"Error: unexpected argument: {' '.join(context.args)}\nTo set a pipeline parameter: "
            f"python pipeline.py start {' '.join(assigned) or '-p NAME=VALUE'}"
        )
        raise typer.Exit(2)
    if as_json and not estimate:
        note("Error: --json shows an estimate: python pipeline.py start --estimate --json")
        raise typer.Exit(2)
    if estimate or max_cost is not None:
        _estimate(target, parameters or [], estimate, max_cost, as_json)
    if estimate:
        return
    arn = starting.start(target.session, target.settings, parameters or [], name, note)
    _follow(target, arn, wait, started=True)


@app.add("stop", "stop 8x2k")
def stop(execution_name: ExecutionName = None, target: TargetOption = LOCAL) -> None:
    """Stop an execution and its running jobs."""
    from pipelines.executions import control

    arn = find_execution(target, execution_name)
    control.stop(target.sagemaker, arn)
    say(f"Execution {arn.rpartition('/')[2]} is stopping.")


@app.add("retry", "retry 8x2k --no-wait")
def retry(
    execution_name: ExecutionName = None, wait: Wait = True, target: TargetOption = LOCAL
) -> None:
    """Resume a failed or stopped execution from the failed step.

    It keeps its parameters.
    """
    from pipelines.executions import control

    arn = find_execution(target, execution_name)
    control.retry(target.sagemaker, arn)
    _follow(target, arn, wait)


def _estimate(
    target: Target, assignments: list[str], show: bool, most: float | None, as_json: bool
) -> None:
    """Estimate an execution; show it, or refuse what may cost more than `most` USD."""
    from pipelines import parameters, prices
    from pipelines.executions import estimate

    settings = target.settings
    values = parameters.parse(settings, assignments)
    estimated = estimate.estimate(target.sagemaker, settings.name, values, prices.load(settings))
    local = settings.target == "local"
    if show and as_json:
        print_json(estimated.as_dict())
    elif show:
        from pipelines.display import costs, terminal

        terminal.show(*costs.estimate(estimated, local))
    if most is not None and not local:  # this machine costs nothing
        estimated.check(most)


def _follow(target: Target, arn: str, wait: bool, *, started: bool = False) -> None:
    """Print which execution runs; show it until it ends; exit with 1 unless it succeeds.

    Args:
        target: The opened target.
        arn: The execution.
        wait: Whether to show it until it ends.
        started: Whether it is new, so that code and settings may differ from the last `upsert`.
    """
    identity = arn.rpartition("/")[2]
    commands = (
        f"  python pipeline.py status {identity}    # show it\n"
        f"  python pipeline.py stop {identity}      # stop it"
    )
    if wait:
        note(f"Execution {identity} (Ctrl-C stops watching; the execution continues)")
    else:
        typer.echo(identity)
        note(f"The execution runs in the background.\n{commands}")
    try:  # from here on, Ctrl-C at any moment names the execution
        from pipelines.display import tables, terminal
        from pipelines.executions import outcome, watch
        from pipelines.provisioning import upsert

        if started and upsert.differs(target.session, target.settings):
            note(
                "The execution uses the code and settings of the last `upsert`; those here "
                "differ. To run these: python pipeline.py upsert start"
            )
        if not wait:
            return
        client, logs = target.sagemaker, target.session.client("logs")
        last = terminal.show_live(watch.snapshots(client, logs, arn))
    except KeyboardInterrupt:
        note(f"\nStopped watching; the execution continues.\n{commands}")
        raise typer.Exit(INTERRUPTED) from None
    results = outcome.read(client, target.session.client("s3"), last.execution)
    succeeded = last.execution.status == "Succeeded"
    if not succeeded:
        terminal.show_failure(last, watch.log_endings(client, logs, last.execution))
    terminal.show(*tables.results(last.execution, results))
    if not succeeded:
        raise typer.Exit(1)
