"""Commands of the endpoint: what it serves."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.change import Yes, show_change
from pipelines.commands.group import Group
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
    from model_registry.promotion import Promotion

ENDPOINT_SECONDS = 1800  # on AWS an endpoint takes minutes, longer where instances are scarce
app = Group("Approve and serve")


@app.add("promote 3", "promote 3 --yes")
def promote(
    version: Annotated[
        int,
        typer.Argument(
            metavar="VERSION", parser=version_number, help="The number of an approved version."
        ),
    ],
    yes: Yes = False,
    target: TargetOption = LOCAL,
) -> None:
    """Deploy an approved version to the endpoint.

    The endpoint is created, or updated with its settings kept.
    The version is compared with the one that serves, as in approve.
    Promote the version that serves to apply changed settings: data
    capture, scaling, network and key.
    """
    from model_registry import endpoint as endpoints
    from model_registry import promotion
    from model_registry.versions import APPROVED
    from pipelines.serving import package_group

    client = target.sagemaker
    package = package_group.find(client, target.settings.group, version)
    if package.approval == APPROVED:  # else it is refused
        current = endpoints.read(client, target.settings.endpoint)
        show_change(target, package, current, f"promote {version}", yes)
    deploy = partial(promotion.promote, ecr=target.session.client("ecr"), renews=True)
    _deploy(target, deploy, package.arn)


@app.add("rollback")
def rollback(target: TargetOption = LOCAL) -> None:
    """Deploy the approved version that served before this one.

    What it changes is shown afterwards: nothing may hold it up.
    """
    from model_registry import endpoint as endpoints
    from pipelines.serving import package_group
    from pipelines.serving import rollback as rolling_back

    client = target.sagemaker
    before = endpoints.read(client, target.settings.endpoint)
    version = _deploy(target, rolling_back.rollback)
    try:
        show_change(
            target, package_group.find(client, target.settings.group, version), before, "", yes=True
        )
    except Exception as error:
        note(f"What it changes is not known: {error}")


@app.add("endpoint", "endpoint --wait")
def endpoint(
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the latest approved version is serving.")
    ] = False,
    seconds: Annotated[
        int, typer.Option("--timeout", metavar="SECONDS", help="Longest wait in seconds.")
    ] = ENDPOINT_SECONDS,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """Show the endpoint: its status, what serves, and how it scales."""
    from pipelines.serving import endpoint_status, rollout

    client, name = target.sagemaker, target.settings.endpoint
    if wait:
        rollout.wait(client, target.settings.group, name, seconds, note)
    described = endpoint_status.describe(
        client, name, target.session.client("application-autoscaling")
    )
    if as_json:
        print_json(described)
    else:
        from pipelines.display import tables, terminal

        terminal.show(tables.endpoint(described))
        if failed := described["failed_version"]:
            note(
                f"The deployment of version {failed} failed or was rolled back. "
                f"To try once more: python pipeline.py promote {failed}"
            )
    if described["status"] in ("Failed", "OutOfService", "UpdateRollbackFailed"):
        raise typer.Exit(1)


@app.add("redrive")
def redrive(as_json: AsJson = False, target: TargetOption = LOCAL) -> None:
    """Carry out approvals that the promotion function gave up.

    An approval is put into the queue NAME-lost-approvals when every try of
    the function has failed. If it fails once more, it stays there and the
    exit code is 1; if a later decision has overtaken it, it is dropped.
    """
    from dataclasses import asdict

    from pipelines.serving import redrive as redriving
    from pipelines.serving.redrive import Outcome

    settings = target.settings

    def report(one: Outcome) -> None:
        note(f"{one.event} had failed: {one.before or 'no reason is known'}")
        now = one.status or f"failed again: {one.failure}"
        say(f"{one.event}: {now.rstrip('.')}.")

    outcomes = redriving.redrive(
        target.session,
        f"{settings.name}-lost-approvals",
        settings.function_name,
        (lambda _: None) if as_json else report,
    )
    if as_json:
        print_json([asdict(one) for one in outcomes])
    elif not outcomes:
        note("Nothing is left: every approval was carried out, or overtaken by a later one.")
    if any(one.failure for one in outcomes):
        note(
            "What failed again stays in the queue for up to 14 days. "
            "Solve the reason, then run `python pipeline.py redrive` once more."
        )
        raise typer.Exit(1)


def _deploy(target: Target, deploy: Callable[..., "Promotion"], *package: str) -> int:
    """Promote or roll back, print the result, and return the version."""
    from model_registry import announcements
    from model_registry.promotion import ALREADY
    from pipelines.provisioning.promoter import placement

    events = target.session.client("events")
    done = deploy(
        target.sagemaker,
        *package,
        placement(target.settings),
        wait_seconds=ENDPOINT_SECONDS,
        s3=target.session.client("s3"),
        announce=lambda failure: announcements.announce(events, failure),
    )
    say(f"Endpoint {done.endpoint_name}, version {done.version}: {done.status}.")
    if done.ended_shadow:
        note(f"This ends its shadow, {done.ended_shadow}.")
    if done.status == ALREADY:  # no change of the endpoint will call the function, which scales it
        _scale(target, done.endpoint_name)
    note("To wait for it: python pipeline.py endpoint --wait")
    return done.version


def _scale(target: Target, name: str) -> None:
    """Have an endpoint that rests scaled as the settings say, and print what was changed."""
    from model_registry import endpoint as endpoints
    from model_registry import scaling
    from pipelines.provisioning import promoter

    current = endpoints.read(target.sagemaker, name)
    if current is None or current.status != "InService":
        return
    client, wanted = target.session.client("application-autoscaling"), promoter.scaling
    outcome = scaling.apply(client, current, wanted(target.settings))
    if outcome in (scaling.REGISTERED, scaling.DEREGISTERED):
        say(f"Scaling: {outcome} ({scaling.read(client, current)}).")
