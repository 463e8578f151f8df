"""Groups of commands, and a --help that names options without Python's types."""

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

Function = TypeVar("Function", bound=Callable[..., Any])


def _without_types(parameters: list[Any]) -> list[Any]:
    """Hide `<bool>` beside a flag and `<list[Path]>` beside an argument."""
    for parameter in parameters:
        if isinstance(parameter, TyperArgument):
            parameter.display_type = lambda ctx: ""  # type: ignore[method-assign]
        elif getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return parameters


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The options and arguments, --help among them."""
        return _without_types(super().get_params(ctx))


class Program(TyperGroup):
    """All commands together."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The options before the command, --help among them."""
        return _without_types(super().get_params(ctx))


class Group(typer.Typer):
    """The commands of one panel of `--help`."""

    def __init__(self, panel: str) -> None:
        super().__init__()
        self._panel = panel

    def add(
        self, *examples: str, name: str | None = None, **options: Any
    ) -> Callable[[Function], Function]:
        """Decorate the function of a command.

        Args:
            examples: What follows `python pipeline.py` in each line of the examples.
            name: The command's name; the function's where left out.
            options: Typer's own options of a command.
        """
        lines = [f"python pipeline.py {example}" for example in examples]
        return self.command(
            name,
            cls=Command,
            rich_help_panel=self._panel,
            epilog="\n\n".join(["[bold]Examples[/bold]", *lines]),
            **options,
        )
