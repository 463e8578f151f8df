"""What the verbs share: common options, the opened target, what is said and what is printed."""

import json
import os
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    import boto3

    from model_registry.promotion import Placement
    from pipelines.settings.model import Settings

INTERRUPTED = 130  # what a shell says of a program ended by Ctrl-C

Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        metavar="local|aws|FILE",
        help="This machine, AWS, or a settings file. \\[default: $PIPELINE_TARGET, else local]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Execution = Annotated[
    str | None,
    typer.Argument(
        metavar="EXECUTION",
        help="Its id, the beginning of it, its name, or its ARN. \\[default: the latest]",
        show_default=False,
    ),
]


class Place(NamedTuple):
    """A target that has been opened."""

    session: "boto3.Session"
    settings: "Settings"

    def client(self, service: str = "sagemaker") -> Any:
        """A boto3 client."""
        return self.session.client(service)

    def placement(self) -> "Placement":
        """Where an approved model goes."""
        from model_registry.promotion import Placement

        settings = self.settings
        return Placement(settings.endpoint, settings.instances.inference, settings.role_arn)


def examples(*commands: str) -> str:
    """The end of a verb's --help: commands to try, one on each line."""
    return "\n\n".join(["[bold]Examples[/bold]", *(f"python pipeline.py {c}" for c in commands)])


def chosen(context: typer.Context, target: str | None) -> str:
    """The target named after the verb, before it, in the environment, or the local one."""
    return target or context.obj or os.environ.get("PIPELINE_TARGET") or "local"


def open_target(context: typer.Context, target: str | None) -> Place:
    """Open the target that was chosen."""
    from pipelines.target import open_target as opened

    return Place(*opened(chosen(context, target)))


def say(text: str) -> None:
    """For the person; standard output is for what was asked."""
    typer.echo(text, err=True)


def print_json(value: object) -> None:
    """For a program."""
    typer.echo(json.dumps(value, indent=2, default=str))
