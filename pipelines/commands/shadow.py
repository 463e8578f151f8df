"""The command of the shadow: a version that gets copies of the endpoint's requests."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.group import Group
from pipelines.commands.serve import ENDPOINT_SECONDS
from pipelines.commands.shared import (
    LOCAL,
    AsJson,
    Target,
    TargetOption,
    note,
    print_json,
    say,
    version_number,
)

if TYPE_CHECKING:
    from model_registry.attempts import Failure

app = Group("Approve and serve")


@app.add("shadow 7", "shadow       # compare both", "shadow --end")
def shadow(
    version: Annotated[
        int | None,
        typer.Argument(
            metavar="VERSION",
            parser=version_number,
            help="Its number; it may be pending. \\[default: compare the one that runs]",
        ),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="Take the shadow away.")] = False,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """Try a version on copies of the requests, beside what serves.

    Nobody gets its answers. Settings: shadow.percent, shadow.instances; with
    capture.percent: 100 the counts of both are compared, too. The next
    promotion, of any version, ends the shadow.
    """
    if version is not None and end:
        raise typer.BadParameter("give VERSION or --end, not both")
    if as_json and (end or version is not None):
        raise typer.BadParameter("--json shows the comparison; leave VERSION and --end out")
    if version is not None:
        _start(target, version)
    elif end:
        _end(target)
    else:
        _compare(target, as_json)


def _start(target: Target, number: int) -> None:
    from pipelines.provisioning.promoter import placement
    from pipelines.serving import package_group
    from pipelines.serving import shadow as shadows

    settings, client = target.settings, target.sagemaker
    version = package_group.find(client, settings.group, number)
    note(f"Starting version {number} beside what serves; on AWS this takes minutes.")
    started = shadows.start(
        client,
        version,
        placement(settings),
        settings.shadow.percent,
        settings.shadow.instances,
        wait_seconds=ENDPOINT_SECONDS,
        s3=target.session.client("s3"),
        ecr=target.session.client("ecr"),
        announce=partial(_announce, target),
    )
    say(
        f"Endpoint {settings.endpoint}: {started.named} gets a copy of {started.percent:g} % of "
        "the requests as a shadow; nobody gets its answers."
    )
    note("To compare both: python pipeline.py shadow. To end it: python pipeline.py shadow --end")


def _end(target: Target) -> None:
    from pipelines.provisioning.promoter import placement
    from pipelines.serving import shadow as shadows

    ended = shadows.end(
        target.sagemaker,
        placement(target.settings),
        wait_seconds=ENDPOINT_SECONDS,
        announce=partial(_announce, target),
    )
    say(f"Endpoint {target.settings.endpoint}: the shadow, {ended.named}, has ended.")


def _compare(target: Target, as_json: bool) -> None:
    from pipelines.serving import shadow_comparison

    compared = shadow_comparison.compare(target.session, target.settings.endpoint)
    if as_json:
        print_json(compared.as_dict())
        return
    from pipelines.display import comparisons, terminal

    terminal.show(*comparisons.shadow(compared))
    number = compared.shadow.package.rpartition("/")[2] or "VERSION"
    if compared.agreement is None:
        note(
            "The counts of both are not compared, as the endpoint keeps no answers. To keep all: "
            f"PIPELINE_CAPTURE_PERCENT=100 python pipeline.py shadow {number}"
        )
    elif compared.captured_percent < 100:
        note(
            f"The endpoint keeps {compared.captured_percent} % of the answers, of each variant by "
            "chance of its own, so few requests have both. To keep all: "
            f"PIPELINE_CAPTURE_PERCENT=100 python pipeline.py shadow {number}"
        )


def _announce(target: Target, failure: "Failure") -> None:
    from model_registry import announcements

    announcements.announce(target.session.client("events"), failure)
