"""What `python pipeline.py settings` lists: each value, where it comes from and what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pipelines.errors import closest
from pipelines.settings.fields import allowed
from pipelines.settings.layers import FIELDS, SettingsError, load_with_sources, variable


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        key: Dotted, such as `tuning.max_trials`.
        value: As JSON holds it.
        source: `default`, the name of a settings file, or `$VARIABLE`.
        description: What it means.
        allowed: The allowed values in words.
        variable: The environment variable that replaces it.
    """

    key: str
    value: Any
    source: str
    description: str
    allowed: str
    variable: str


def settings(
    target: str, selection: str | None = None, environment: Mapping[str, str] | None = None
) -> list[Setting]:
    """The settings of a target, without connecting to it.

    Args:
        target: `local`, `aws`, or the path of a settings file.
        selection: A section or a key; by default all settings.
        environment: Where to look up `PIPELINE_*` variables; by default the process's environment.

    Raises:
        SettingsError: The settings cannot be used, or there is no such section or key.
    """
    values, sources = load_with_sources(target, environment)
    dumped = values.model_dump(mode="json")
    listed = [
        Setting(
            key,
            reduce(lambda section, name: section[name], key.split("."), dumped),
            sources.get(key, "default"),
            field.description or "",
            allowed(field).words,
            "" if key == "target" else variable(key),
        )
        for key, field in FIELDS.items()
        if selection is None or f"{key}.".startswith(f"{selection}.")
    ]
    if not listed:
        names = {key.partition(".")[0]: None for key in FIELDS} | dict.fromkeys(FIELDS)
        raise SettingsError(f"There is no setting {selection!r}{closest(str(selection), names)}")
    return listed
