"""The list of settings: key, value and source on one line, the meaning below it."""

import json
from collections.abc import Iterable
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from pipelines.settings.listing import Setting

KEY_AND_VALUE = 46  # columns; the source follows


def render(settings: Iterable[Setting]) -> list[RenderableType]:
    """The settings, section by section."""
    sections = groupby(settings, lambda setting: setting.key.rpartition(".")[0].split(".")[0])
    return [Group(*(part for one in section for part in _setting(one))) for _, section in sections]


def _setting(setting: Setting) -> list[RenderableType]:
    text = isinstance(setting.value, str) and setting.value
    value = text or json.dumps(setting.value)
    line = Text.assemble((setting.key, "bold"), " = ", (value, "cyan"))
    line.pad_right(max(2, KEY_AND_VALUE - len(line)))
    line.append(setting.source, "dim" if setting.source == "default" else "yellow")
    meaning = setting.description
    if setting.allowed.startswith("one of"):
        meaning += f" Allowed: {setting.allowed}."
    return [line, Padding(meaning, (0, 0, 0, 4), expand=False)]
