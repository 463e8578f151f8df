"""The command that watches what the endpoint answers."""

import re
from typing import Annotated

import typer

from pipelines.commands.group import Group
from pipelines.commands.shared import LOCAL, AsJson, TargetOption, note, print_json, say

app = Group("Approve and serve")
FOLDER = "watch"  # below .tally/


def _days(text: str | int | None) -> int | None:
    """Days, of `7d` or `2w`."""
    if text is None or isinstance(text, int):
        return text
    parts = re.fullmatch(r"([1-9][0-9]{0,2})([dw])", text)
    if not parts:
        raise typer.BadParameter(f"{text!r} is not a number of days or weeks, such as 7d or 2w")
    return int(parts[1]) * (7 if parts[2] == "w" else 1)


@app.add("watch", "watch --since 2w", 'watch --schedule "rate(1 day)"', "watch --unschedule")
def watch(
    since: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", parser=_days,
            help="Look at this many days, such as 7d or 2w. \\[default: watch.window_days]",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the result and show it.")
    ] = True,
    schedule: Annotated[
        str,
        typer.Option(
            metavar="EXPRESSION", help="Repeat it: rate(1 day), or cron(0 6 * * ? *) in UTC."
        ),
    ] = "",
    unschedule: Annotated[
        bool, typer.Option("--unschedule", help="Delete the schedule.")
    ] = False,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:  # fmt: skip
    """Check whether the endpoint's photos or answers have changed.

    It compares the answers that the endpoint captured (`capture.percent`)
    with those of the same model to its test photos, once, or from now on by
    a schedule. The exit code is 0 if nothing has changed.
    """
    from pipelines.provisioning import watch_pipeline, watching

    if unschedule:
        found = watching.unschedule(target.session, target.settings)
        say("The schedule is deleted." if found else "There is no schedule.")
        return
    if target.settings.target == "local":
        from pipelines.provisioning.setup import setup

        setup(target.session, target.settings)
    arn, action = watch_pipeline.put_pipeline(target.session, target.settings)
    if action != "unchanged":
        note(f"{action:<9}  pipeline {arn}")
    if schedule:
        say(str(watching.schedule(target.session, target.settings, schedule)))
        return
    from pipelines.executions import watching as runs

    started = runs.start(target.session, target.settings, since)
    identity = started.rpartition("/")[2]
    if not wait:
        typer.echo(identity)
        note(
            f"The execution of {target.settings.watch_name} runs in the background.\n"
            f"  python pipeline.py status {identity}    # show it\n"
            "  python pipeline.py list --watch         # what each one has found"
        )
        return
    note(f"Execution {identity} of {target.settings.watch_name}")
    watched = runs.wait(target.session, target.settings, started)
    from pipelines.root import ROOT

    file = ROOT / ".tally" / FOLDER / f"{identity}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(watched.page)
    if as_json:
        print_json(watched.result.document)
    else:
        from pipelines.display import tables, terminal

        if watched.result.checks:
            terminal.show(tables.watched(watched.result))
        say(watched.result.sentence)
        for line in watched.result.advice:
            say(line)
        if not watched.result.answers:
            note(
                "To switch the capture on: set `capture.percent`, run `python pipeline.py setup`, "
                "then `python pipeline.py promote VERSION`, with the version that serves. "
                "`python pipeline.py endpoint` shows whether it is on."
            )
        note(f"The report: {file} ({watched.address})")
    if watched.result.status != "steady":
        raise typer.Exit(1)
