"""What the commands share: common options, the opened target, and where they print."""

import json
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

if TYPE_CHECKING:
    import boto3
    from types_boto3_sagemaker import SageMakerClient

    from pipelines.settings.model import Settings

INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended, as shells report it


@dataclass(frozen=True)
class Target:
    """Where a command runs, by name; it is opened when its session or settings are first used."""

    name: str

    @cached_property
    def _opened(self) -> "tuple[boto3.Session, Settings]":
        from pipelines import target

        return target.open_target(self.name)

    @property
    def session(self) -> "boto3.Session":
        """The boto3 session."""
        return self._opened[0]

    @property
    def settings(self) -> "Settings":
        """The resolved settings."""
        return self._opened[1]

    @property
    def offline_settings(self) -> "Settings":
        """The resolved settings, without a connection if they name the account."""
        from pipelines import target

        return target.resolve_offline(self.name)

    @cached_property
    def sagemaker(self) -> "SageMakerClient":
        """The SageMaker client."""
        return self.session.client("sagemaker")


LOCAL = Target("local")
TargetOption = Annotated[
    Target,
    typer.Option(
        "--target",
        "-t",
        metavar="TARGET",
        parser=lambda value: Target(getattr(value, "name", value)),
        envvar="PIPELINE_TARGET",
        show_envvar=False,
        help="local, aws or a settings file. \\[default: $PIPELINE_TARGET, else local]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ExecutionName = Annotated[
    str | None,
    typer.Argument(
        metavar="EXECUTION", help="Id or its beginning, name, or ARN. \\[default: the latest]"
    ),
]


def find_execution(target: Target, text: str | None) -> str:
    """The ARN of an execution of the pipeline, or of the one that watches the endpoint.

    Raises:
        ExecutionError: There is none that the text names.
    """
    from pipelines.executions import lookup

    settings = target.settings
    return lookup.resolve(target.sagemaker, settings.name, text, settings.watch_name)


def version_number(text: str) -> int:
    """The number of a model version, as a person types it (`3`, `v3` or an ARN).

    Raises:
        RegistryError: The text is none of these.
    """
    from pipelines.serving.package_group import parse_version

    return parse_version(text)


def note(text: str) -> None:
    """Print a message to standard error; standard output holds only what was asked for."""
    typer.echo(_wrapped(text, sys.stderr), err=True)


def say(text: str) -> None:
    """Print a sentence to standard output."""
    typer.echo(_wrapped(text, sys.stdout))


def _wrapped(text: str, stream: TextIO) -> str:
    """A terminal gets lines that it need not break; another program gets the text as it is."""
    from pipelines.display.formatting import wrap

    return wrap(text, shutil.get_terminal_size().columns) if stream.isatty() else text


def print_json(value: object) -> None:
    """Print a value as JSON to standard output."""
    typer.echo(json.dumps(value, indent=2, default=str))
