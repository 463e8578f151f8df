"""Commands of the model registry and the endpoint."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import NAME
from pipelines.commands.group import Group
from pipelines.commands.shared import (
    LOCAL,
    AsJson,
    Target,
    TargetOption,
    note,
    print_json,
    version_number,
)

if TYPE_CHECKING:
    from model_registry.promotion import Promotion

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
    """List the model versions: approval, metrics, which serves."""
    from pipelines.serving import comparison

    compared = comparison.compare(target.session, NAME, target.settings.endpoint, versions or [])
    if as_json:
        print_json([entry.as_dict() for entry in compared])
    elif not compared:
        note("There is no model version yet: an execution that passes CheckAccuracy registers one.")
    else:
        from pipelines.display import tables, terminal

        terminal.show(tables.models(compared))


@app.add("approve", "approve 3 -m 'reviewed by Ada'")
def approve(
    version: PendingVersion = None, reason: Reason = "", target: TargetOption = LOCAL
) -> None:
    """Approve a model version; the approval rule deploys it."""
    from model_registry.versions import APPROVED
    from pipelines.serving import package_group

    approved = package_group.decide(target.sagemaker, NAME, APPROVED, version, reason)
    typer.echo(f"Version {approved.version} is approved. The approval rule is deploying it.")
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

    rejected = package_group.decide(target.sagemaker, NAME, package_group.REJECTED, version, reason)
    typer.echo(f"Version {rejected.version} is rejected.")
    serving = endpoints.read(target.sagemaker, target.settings.endpoint)
    if serving and serving.next_model.package == rejected.arn:
        note(
            "The endpoint continues to serve it. To serve another version: "
            "python pipeline.py rollback, or promote VERSION"
        )


@app.add("promote 3")
def promote(
    version: Annotated[
        int,
        typer.Argument(
            metavar="VERSION", parser=version_number, help="The number of an approved version."
        ),
    ],
    target: TargetOption = LOCAL,
) -> None:
    """Deploy an approved version to the endpoint.

    The endpoint is created, or updated with its settings kept.
    """
    from model_registry import promotion
    from pipelines.serving import package_group

    package = package_group.find(target.sagemaker, NAME, version)
    _deploy(target, promotion.promote, package.arn)


@app.add("rollback")
def rollback(target: TargetOption = LOCAL) -> None:
    """Deploy the approved version that served before this one."""
    from pipelines.serving import rollback as rolling_back

    _deploy(target, rolling_back.rollback)


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
    """Show the endpoint: status, served version, configuration."""
    from pipelines.serving import endpoint_status, rollout

    client, name = target.sagemaker, target.settings.endpoint
    if wait:
        rollout.wait(client, NAME, name, seconds, note)
    described = endpoint_status.describe(client, name)
    if as_json:
        print_json(described)
    else:
        from pipelines.display import tables, terminal

        terminal.show(tables.endpoint(described))
    if described["status"] in ("Failed", "OutOfService", "UpdateRollbackFailed"):
        raise typer.Exit(1)


def _deploy(target: Target, deploy: Callable[..., "Promotion"], *package: str) -> None:
    """Promote or roll back, and print the result."""
    from model_registry.promotion import Placement

    settings = target.settings
    placement = Placement(settings.endpoint, settings.instances.inference, settings.role_arn)
    done = deploy(target.sagemaker, *package, placement, wait_seconds=ENDPOINT_SECONDS)
    typer.echo(f"Endpoint {done.endpoint_name}, version {done.version}: {done.status}.")
    note("To wait for it: python pipeline.py endpoint --wait")
