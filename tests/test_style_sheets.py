"""One style sheet for the console, the desk and the reports, and what can be read with it.

After a change of the console's base.css, renew the copy of the reports and the desk:
    RENEW=1 .venv/bin/python -m pytest tests/test_style_sheets.py
"""

import os
import re
from pathlib import Path

import pytest

from tests.style_sheet import colours, contrast, pairs

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "emulator/sagemaker_emulator/console/static/base.css"
# The steps have no access to the emulator's folder, nor may Tally reach into it.
COPY = ROOT / "steps/styles/base.css"
SHEET = SOURCE.read_text() + (ROOT / "steps/styles/report.css").read_text()
PAGES = [
    "pipelines/display/templates/report.html.j2",
    "steps/evaluation/evaluation.html.j2",
    "steps/training/watch/profiling/profile.html.j2",
]
GROUNDS = ("paper", "ground")  # of a section, and of the page


def test_every_page_has_the_colours_of_the_console() -> None:
    if os.environ.get("RENEW"):
        COPY.write_bytes(SOURCE.read_bytes())
    assert COPY.read_bytes() == SOURCE.read_bytes(), __doc__


@pytest.mark.parametrize("page", PAGES)
def test_a_report_has_no_style_of_its_own(page: str) -> None:
    template = (ROOT / page).read_text()
    style = template[template.index("<style>") + 7 : template.index("</style>")]
    assert style.split("\n") == ["", '{% include "base.css" %}', '{% include "report.css" %}', ""]
    assert "style=" not in template and not re.search(r"#[0-9a-fA-F]{3,6}\b(?!;)", template)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read_on_its_ground(dark: bool) -> None:
    """WCAG 2.2, contrast (minimum): 4.5 to 1."""
    known, found = colours(SHEET, dark=dark), list(pairs(SHEET, GROUNDS))
    for text, ground, rule in found:
        assert contrast(known[text], known[ground]) >= 4.5, (rule, text, ground)
    checked = {(pair.text, pair.ground) for pair in found}
    badges = {(name, f"{name}-soft") for name in ("good", "bad", "warn", "accent")}
    links_and_soft = {(text, ground) for text in ("accent", "soft") for ground in GROUNDS}
    assert badges | links_and_soft | {("ink", "line")} <= checked


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_sentences_are_read_with_ease(dark: bool) -> None:
    """WCAG 2.2, contrast (enhanced): 7 to 1, also on the ground of a failure or an advice."""
    known = colours(SHEET, dark=dark)
    softs = [name for name in known if name.endswith("-soft")]
    for ground in (*GROUNDS, *softs):
        assert contrast(known["ink"], known[ground]) >= 7, ground


def test_a_contrast_is_that_of_the_definition() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_curves_and_bars_stand_out(dark: bool) -> None:
    """WCAG 2.2, non-text contrast: 3 to 1."""
    known = colours(SHEET, dark=dark)
    for name in ("accent", "second", "good", "soft", "bad", "warn"):
        assert all(contrast(known[name], known[ground]) >= 3 for ground in GROUNDS), name
