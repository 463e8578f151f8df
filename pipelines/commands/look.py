"""Commands that show executions and the pipeline's parameters."""

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.group import Group
from pipelines.commands.shared import (
    INTERRUPTED,
    LOCAL,
    AsJson,
    ExecutionName,
    TargetOption,
    find_execution,
    note,
    print_json,
    say,
)

app = Group("Look")


@app.add(
    "status",
    "status 8x2k --json",
    "status --markdown",
    "status tally-watch    # the latest run of `watch`",
)
def status(
    execution_name: ExecutionName = None,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a CI job's summary.")
    ] = False,
    target: TargetOption = LOCAL,
) -> None:
    """Show an execution: steps, metrics, model version.

    It also shows failures, the trials and the debug rules' verdicts.
    """
    from pipelines import prices
    from pipelines.executions import approved, cost, outcome, watch
    from pipelines.serving import endpoint_status

    client, s3 = target.sagemaker, target.session.client("s3")
    arn = find_execution(target, execution_name)
    now = watch.snapshot(client, target.session.client("logs"), arn)
    results = outcome.read(client, s3, now.execution)
    spent = cost.read(client, now.execution, prices.load(target.settings))
    local = target.settings.target == "local"
    if as_json:
        described = {**now.execution.as_dict(), "details": now.details, **results.as_dict()}
        print_json({**described, "cost": spent.as_dict()})
    elif markdown:
        from pipelines.display import costs, markdown_summary

        compared = approved.read(client, s3, now.execution, results)
        typer.echo(markdown_summary.render(now, results, compared))
        typer.echo(f"\n{costs.cost(spent, local)}")
    else:
        from pipelines.display import costs, tables, terminal

        terminal.show(*tables.status(now, results))
        if spent.steps:
            say(costs.cost(spent, local))
        if failure := endpoint_status.last_failure(client, target.settings.endpoint):
            note(failure)


@app.add("list", "list -n 5 --json", "list --watch", name="list")
def list_executions(
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="Number of executions.")
    ] = 20,
    watch: Annotated[
        bool, typer.Option("--watch", help="Those that watched the endpoint, and what they found.")
    ] = False,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """List the executions: data, changed parameters, failures.

    A parameter is changed if it is not the pipeline's default of now.
    """
    from pipelines.executions import execution, lookup, summary

    sagemaker, settings = target.sagemaker, target.settings
    name, command = (settings.watch_name, "watch") if watch else (settings.name, "upsert")
    summaries = list(islice(lookup.list_executions(sagemaker, name, command), limit))
    if as_json:
        print_json(
            [
                {
                    **one,
                    "Parameters": execution.parameters_of(sagemaker, one["PipelineExecutionArn"]),
                }
                for one in summaries
            ]
        )
    elif not summaries:
        first = "watch" if watch else "start"
        note(f"There is no execution yet. Start one: python pipeline.py {first}")
    else:
        from pipelines.display import tables, terminal

        terminal.show(tables.executions(summary.summarise(sagemaker, name, summaries)))


@app.add("compare 8x2k 3kq0", "compare spring    # with the latest", "compare v2 v3 --json")
def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="EXECUTION", help="Id or its beginning, name, ARN, or v3 for model version 3."
        ),
    ],
    second: Annotated[
        str | None,
        typer.Argument(metavar="EXECUTION", help="The other one. \\[default: the latest]"),
    ] = None,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """Compare two executions side by side.

    It shows the parameters and settings that differ, the data, the best
    trial, every test metric with its interval, the time of each step, and
    the model version. A mark stands where the two differ.
    """
    from pipelines.executions import comparison

    runs = [comparison.read(target.session, target.settings.name, text) for text in (first, second)]
    if as_json:
        sections = {
            section.title: section.compared.as_dict()["rows"]
            for section in comparison.sections(runs)
        }
        print_json({"executions": [run.as_dict() for run in runs], **sections})
    else:
        from pipelines.display import comparisons, terminal

        terminal.show(comparisons.runs(runs))


@app.add("logs Train", "logs Tune --follow", name="logs")
def show_logs(
    step: Annotated[
        str, typer.Argument(metavar="STEP", help="The step's name, such as Prepare or Train.")
    ],
    execution_name: ExecutionName = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Continue until the step ends.")
    ] = False,
    target: TargetOption = LOCAL,
) -> None:
    """Print the log of a step's job, or of each tuning trial."""
    from pipelines.executions import logs

    arn = find_execution(target, execution_name)
    try:
        any_line = logs.show(
            target.sagemaker, target.session.client("logs"), arn, step, typer.echo, follow=follow
        )
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if not any_line:
        note(f"Step {step} has written nothing to its log. `python pipeline.py status` shows it.")


@app.add("report", "report 8x2k --output ~/reports")
def report(
    execution_name: ExecutionName = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder to write to.")
    ] = Path("reports"),
    target: TargetOption = LOCAL,
) -> None:
    """Write an HTML report of an execution, with its plots.

    The plots are inside the HTML file, and beside it as files of their own.
    """
    from pipelines.display import report as reporting
    from pipelines.executions import lookup

    arn = lookup.resolve(target.sagemaker, target.settings.name, execution_name)
    typer.echo(str(reporting.write(target.session, arn, output, target.settings)))


@app.add("parameters", "start -p MaxTrials=4    # set one of them")
def parameters(as_json: AsJson = False, target: TargetOption = LOCAL) -> None:
    """List the pipeline's parameters, defaults and allowed values."""
    from pipelines.parameters import declared

    every = declared(target.settings)
    if as_json:
        names = ("name", "type", "default", "help", "allowed")
        print_json([{name: getattr(one, name) for name in names} for one in every])
    else:
        from pipelines.display import tables, terminal

        terminal.show(tables.parameters(every))


@app.add("settings", "settings tuning", "settings --target my.yaml data.source --json")
def settings(
    selection: Annotated[
        str | None,
        typer.Argument(metavar="KEY", help="A section or a key. \\[default: all]"),
    ] = None,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """List the settings: values, their sources and meanings.

    A settings file for --target needs only the keys that it changes, such as
    `tuning: {max_trials: 6}`, and `target: aws` where it builds on AWS's values.
    A variable such as $PIPELINE_TUNING_MAX_TRIALS replaces one value.
    """
    from pipelines.settings import listing

    listed = listing.settings(target.name, selection)
    if as_json:
        print_json([asdict(setting) for setting in listed])
    else:
        from pipelines.display import settings as display
        from pipelines.display import terminal

        terminal.show(*display.render(listed))
