"""The evaluation as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluation import decision_words
from evaluation.formatting import percent
from evaluation.judged_claims import ITEMS, MATCH, PHOTO

TEMPLATE = Path(__file__).with_name("evaluation.html.j2")
STYLES = Path(__file__).parents[1] / "styles"


def render(document: dict[str, Any], output: Path) -> str:
    """The page as text.

    Args:
        document: the content of evaluation.json.
        output: the folder that holds the pictures.
    """
    environment = Environment(
        loader=FileSystemLoader([TEMPLATE.parent, STYLES]),
        autoescape=True,
        undefined=StrictUndefined,
    )
    tally = document["tally"]
    return environment.get_template(TEMPLATE.name).render(
        tally=tally,
        percent=percent,
        kinds=decision_words.NAMES,
        scores={MATCH: "decision", PHOTO: "photo alone", ITEMS: "items alone"},
        pictures=[
            picture | {"data": base64.b64encode((output / picture["file"]).read_bytes()).decode()}
            for picture in tally["pictures"]
        ],
    )
