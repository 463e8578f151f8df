"""Verbs whose --help shows a flag as a flag, without the type of a value that it does not take."""

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class _BareFlags:
    """Typer shows `<bool>` beside a flag unless its metavar is a text, which may be empty."""

    def get_params(self, ctx: Any) -> Any:
        """The options and arguments, --help among them."""
        parameters = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "is_flag", False) and parameter.metavar is None:
                parameter.metavar = ""
        return parameters


class Verb(_BareFlags, TyperCommand):
    """One verb."""


class Program(_BareFlags, TyperGroup):
    """The verbs together."""


class Verbs(typer.Typer):
    """A group of verbs, which `command` adds to."""

    def command(self, *arguments: Any, **options: Any) -> Any:
        """As Typer's; what it adds is a Verb."""
        return super().command(*arguments, **{"cls": Verb, **options})
