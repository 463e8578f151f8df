"""The command that opens the desk."""

from typing import Annotated

import typer

from pipelines.commands.group import Group
from pipelines.commands.shared import LOCAL, TargetOption, note
from pipelines.root import ROOT

app = Group("Check bins")


@app.add("desk", "desk --host 0.0.0.0    # for phones in the same network")
def desk(
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Listen here; 0.0.0.0: every network. \\[default: desk.host]",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="PORT", min=0, max=65535, help="Port. \\[default: desk.port]"),
    ] = None,
    target: TargetOption = LOCAL,
) -> None:
    """Open the desk: check bins in the browser, with the endpoint.

    It prints a link that signs in one browser, and runs until Ctrl-C.
    """
    from desk.server import serve
    from pipelines.settings.layers import load
    from pipelines.target import open_target

    chosen = load(target.name).desk
    serve(
        lambda: open_target(target.name),
        chosen.host if host is None else host,
        chosen.port if port is None else port,
        ROOT / ".tally" / "desk",
        note,
    )
