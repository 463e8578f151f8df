"""The desk's colours: one look with the console, and readable in sunlight."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "desk" / "static"
CONSOLE = ROOT / "emulator" / "sagemaker_emulator" / "console" / "static"
SMALLEST = 7.0  # of a text: WCAG 2.2, level AAA
TEXTS = ["ink", "soft", "accent", "good", "bad", "warn"]
PAIRS = [
    *[(text, ground) for text in TEXTS for ground in ("paper", "ground")],
    *[("on-accent", "accent"), ("on-pass", "pass"), ("on-look", "look"), ("on-unsure", "unsure")],
    *[("good", "good-soft"), ("bad", "bad-soft"), ("warn", "warn-soft"), ("accent", "accent-soft")],
    ("ink", "line"),
]


def colours(scheme: str) -> dict[str, str]:
    """The colours of a scheme by name: the desk's replace those of the shared style sheet."""
    found: dict[str, str] = {}
    for file in ("base.css", "desk.css"):
        text = (STATIC / file).read_text()
        blocks = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
        for block in blocks if scheme == "dark" else blocks[:1]:
            found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    return found


def luminance(colour: str) -> float:
    """As WCAG 2.2 defines it."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(s * w for s, w in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_every_text_has_a_contrast_of_seven(scheme: str, text: str, ground: str) -> None:
    by_name = colours(scheme)
    dark, light = sorted((luminance(by_name[text]), luminance(by_name[ground])))
    assert (light + 0.05) / (dark + 0.05) >= SMALLEST


@pytest.mark.parametrize("file", ["base.css", "vendor/htmx-2.0.11.min.js"])
def test_what_is_shared_with_the_console_is_the_same(file: str) -> None:
    assert (STATIC / file).read_bytes() == (CONSOLE / file).read_bytes()
