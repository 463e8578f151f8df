"""Commands of the model registry and the endpoint."""

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

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
    from model_registry.endpoint import Endpoint
    from model_registry.promotion import Promotion
    from model_registry.versions import ModelVersion

ENDPOINT_SECONDS = 1800  # on AWS an endpoint takes minutes, longer where instances are scarce
PendingVersion = Annotated[
    int | None,
    typer.Argument(
        metavar="VERSION", parser=version_number, help="Its number. \\[default: the newest pending]"
    ),
]
Reason = Annotated[
    str, typer.Option("--note", "-m", metavar="TEXT", help="Reason, stored with the version.")
]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Go on even if it answers other counts, or is worse."),
]
app = Group("Approve and serve")


@app.add("models", "models 3 4    # side by side")
def models(
    versions: Annotated[
        list[str] | None,
        typer.Argument(metavar="VERSION", help="Versions to list. \\[default: all]"),
    ] = None,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """List the model versions: counts, data, metrics, which serves.

    Of chosen versions it shows more, side by side: the images and
    hyperparameters that each learned from, and the metrics' intervals.
    """
    from pipelines.serving import comparison

    compared = comparison.compare(
        target.session, target.settings.group, target.settings.endpoint, versions or []
    )
    if as_json:
        print_json([entry.as_dict() for entry in compared])
    elif not compared:
        note("There is no model version yet: an execution that passes CheckAccuracy registers one.")
    else:
        from pipelines.display import comparisons, tables, terminal

        terminal.show((comparisons.chosen_models if versions else tables.models)(compared))
        for one in compared:
            if one.deployment_failure and not versions:
                number = one.version.version
                note(
                    f"Version {number} could not be deployed: {one.deployment_failure}\n"
                    f"To try once more: python pipeline.py promote {number}"
                )


@app.add("approve", "approve 3 -m 'reviewed by Ada'", "approve 3 --yes")
def approve(
    version: PendingVersion = None,
    reason: Reason = "",
    yes: Yes = False,
    target: TargetOption = LOCAL,
) -> None:
    """Approve a model version; the approval rule deploys it.

    It is compared with the version that serves: counts, data, images
    learned from, metrics. If it answers other counts, or is worse beyond
    chance, the command asks first; where nobody can answer, it needs --yes.
    """
    from model_registry import endpoint as endpoints
    from model_registry.versions import APPROVED
    from pipelines.serving import package_group

    client = target.sagemaker
    _refuse_elsewhere(target, f"approve {version or ''}".rstrip())
    chosen = package_group.choose(client, target.settings.name, APPROVED, version)
    name = chosen.metadata.get("endpoint_name") or target.settings.endpoint
    command = f"approve {chosen.version}"
    _show_change(target, chosen, endpoints.read(client, name), command, yes)
    approved = package_group.decide(client, target.settings.name, APPROVED, chosen.version, reason)
    say(f"Version {approved.version} is approved. The approval rule is deploying it.")
    note("To wait for it: python pipeline.py endpoint --wait")


@app.add("reject 3 -m 'misses full bins'")
def reject(
    version: PendingVersion = None, reason: Reason = "", target: TargetOption = LOCAL
) -> None:
    """Reject a model version.

    An endpoint that serves it continues to, until `rollback` or `promote`.
    """
    from model_registry import endpoint as endpoints
    from pipelines.serving import package_group

    _refuse_elsewhere(target, f"reject {version or ''}".rstrip())
    rejected = package_group.decide(
        target.sagemaker, target.settings.name, package_group.REJECTED, version, reason
    )
    say(f"Version {rejected.version} is rejected.")
    serving = endpoints.read(target.sagemaker, target.settings.endpoint)
    if serving and serving.next_model.package == rejected.arn:
        note(
            "The endpoint continues to serve it. To serve another version: "
            "python pipeline.py rollback, or promote VERSION"
        )


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
        _show_change(target, package, current, f"promote {version}", yes)
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
        _show_change(
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


def _refuse_elsewhere(target: Target, command: str) -> None:
    """Refuse to decide on versions of another account's registry.

    Raises:
        RegistryError: The settings name such a registry.
    """
    from model_registry.errors import RegistryError

    shared = target.settings.shared_registry
    if shared.group:
        raise RegistryError(
            f"The versions are those of {shared.group}, and are decided on in its account: run "
            f"`python pipeline.py {command}` signed in to {shared.account}. Here, "
            "`python pipeline.py promote VERSION` serves what is approved there."
        )


def _show_change(
    target: Target, version: "ModelVersion", current: "Endpoint | None", command: str, yes: bool
) -> None:
    """Show what a version changes on an endpoint, and ask if it counts otherwise or is worse.

    Args:
        target: The opened target.
        version: The version that is to serve.
        current: The endpoint before.
        command: What was typed, to be repeated with --yes.
        yes: Whether the person wants it whatever it changes.

    Raises:
        RegistryError: There is an objection, and nobody to ask.
        typer.Exit: The person has answered no.
    """
    from model_registry.errors import RegistryError
    from pipelines.display import comparisons, terminal
    from pipelines.serving import replacement

    if command.startswith("approve") and current:
        _say_what_shadow_ends(target, current)
    replaced = replacement.of(target.session, version, current)
    if replaced is None:
        return
    terminal.show(*comparisons.replacement(replaced))
    objections = replaced.objections()
    if yes or not objections:
        for objection in objections:
            note(f"Note: {objection}")
    elif sys.stdin.isatty():
        note("\n".join(objections))
        if not typer.confirm(f"{command.partition(' ')[0].capitalize()} it all the same?"):
            note("Nothing was changed.")
            raise typer.Exit(1)
    else:
        raise RegistryError(
            "\n".join([*objections, f"If you want that: python pipeline.py {command} --yes"])
        )


def _say_what_shadow_ends(target: Target, current: "Endpoint") -> None:
    """Say that the approval will end the endpoint's shadow, if it has one."""
    from contextlib import suppress

    from model_registry.errors import RegistryError
    from pipelines.serving import shadow

    with suppress(RegistryError):  # its configuration is deleted; that holds up no decision
        if running := shadow.read(target.sagemaker, current.config):
            note(f"Endpoint {current.name} has a shadow, {running.named}; the promotion ends it.")


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
