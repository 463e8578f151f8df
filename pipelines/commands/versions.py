"""Commands of the model versions: list, approve and reject them."""

from typing import Annotated

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
    show_change(target, chosen, endpoints.read(client, name), command, yes)
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
