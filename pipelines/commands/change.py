"""What a version changes on the endpoint, shown before it serves."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.shared import Target, note

if TYPE_CHECKING:
    from model_registry.endpoint import Endpoint
    from model_registry.versions import ModelVersion

Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Go on even if it answers other counts, or is worse."),
]


def show_change(
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
