"""Style sheets, read far enough to compute the contrast of a text on its ground."""

import re
from collections.abc import Iterator
from typing import NamedTuple

DARK = "@media (prefers-color-scheme: dark)"
# Other names for the same: the colour of a text, and of its ground.
TEXT = re.compile(r"(?:^|[\s;])(?:color|fill): var\(--([a-z-]+)\)")
GROUND = re.compile(r"(?:^|[\s;])background: var\(--([a-z-]+)\)")


class Pair(NamedTuple):
    """A text's colour on that of its ground, by their names, and the rule that has both."""

    text: str
    ground: str
    rule: str


def colours(sheet: str, *, dark: bool) -> dict[str, str]:
    """The colours by name; a dark scheme has those of the light one that it does not replace."""
    light, _, replaced = sheet.partition(DARK)
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})\b", light))
    return {**found, **dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})\b", replaced) * dark)}


def pairs(sheet: str, grounds: tuple[str, ...]) -> Iterator[Pair]:
    """The colours of each rule's text and ground; `grounds` are those of a rule without one."""
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", sheet)):
        rule = " ".join(selector.split())
        # A shape is no text: it needs less contrast.
        if (text := TEXT.search(body)) and not re.search(r"rect|circle|polyline", rule):
            own = GROUND.search(body)
            for ground in (own[1],) if own else grounds:
                yield Pair(text[1], ground, rule)


def contrast(one: str, other: str) -> float:
    """The contrast of two sRGB colours, as WCAG 2.2 defines it: from 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of an sRGB colour (`#rrggbb`), as WCAG defines it."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
