"""A drawing of a pipeline definition: its steps, and which of them waits for which."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from pipelines.executions.execution import BRANCHES, walk

BOX, ACROSS, DOWN, EDGE = (
    (128, 44),
    168,
    64,
    8,
)  # pixels: box, distances, margin
INK, PALE, LINE, FILL = "#1d2a3a", "#5b6b7d", "#5b7db1", "#eef3fb"


def waits(definition: Mapping[str, Any]) -> dict[str, set[str]]:
    """For each step, in the order of the definition, the steps that it directly waits for.

    A step waits for those that it refers to, those in its DependsOn and the condition that holds
    it; steps that another of these waits for are left out.

    Args:
        definition: The JSON of a SageMaker pipeline, read.
    """
    needs: dict[str, set[str]] = {}
    names = {step["Name"] for step, _, _ in walk(definition["Steps"])}
    for step, condition, _ in walk(definition["Steps"]):
        own = {key: value for key, value in step.items() if key != "Arguments"}
        arguments = step.get("Arguments", {})
        branches = BRANCHES if step["Type"] == "Condition" else ()
        own["Arguments"] = {key: arguments[key] for key in arguments if key not in branches}
        referred = set(re.findall(r'"Steps\.([^."\[]+)', json.dumps(own)))
        needs[step["Name"]] = names & {*referred, *step.get("DependsOn", ()), condition}
    return {
        name: {one for one in needed if not any(one in _before(needs, two) for two in needed)}
        for name, needed in needs.items()
    }


def graph(definition: Mapping[str, Any]) -> str:
    """The steps as an SVG, from left to right in the order in which they can run.

    Args:
        definition: The JSON of a SageMaker pipeline, read.
    """
    needs = waits(definition)
    # A branch is named at its first step.
    kinds = {
        step["Name"]: (step["Type"], branch if condition in needs[step["Name"]] else "")
        for step, condition, branch in walk(definition["Steps"])
    }
    columns: dict[str, int] = {}
    while len(columns) < len(needs):
        for name, needed in needs.items():
            if name not in columns and needed <= columns.keys():
                columns[name] = 1 + max((columns[one] for one in needed), default=-1)
    corners: dict[str, tuple[int, int]] = {}
    for name, column in columns.items():
        row = list(columns.values())[: list(columns).index(name)].count(column)
        corners[name] = (EDGE + column * ACROSS, EDGE + row * DOWN)
    width = max(x for x, _ in corners.values()) + BOX[0] + EDGE
    height = max(y for _, y in corners.values()) + BOX[1] + EDGE
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" role="img" aria-label="The steps of the pipeline" '
            'font-family="sans-serif" text-anchor="middle">',
            *(_arrow(corners[one], corners[name]) for name in needs for one in sorted(needs[name])),
            *(_box(name, *kinds[name], *corners[name]) for name in needs),
            "</svg>",
        ]
    )


def _before(needs: Mapping[str, set[str]], name: str) -> set[str]:
    """All steps that have to end before a step begins."""
    before = set(needs.get(name, ()))
    return before.union(*(_before(needs, one) for one in before))


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + BOX[0], start[1] + BOX[1] // 2
    to_x, to_y = end[0], end[1] + BOX[1] // 2
    middle = (x + to_x) // 2
    line = f"M{x},{y} C{middle},{y} {middle},{to_y} {to_x},{to_y}"
    return f'<path d="{line} m-6,-4 l6,4 l-6,4" fill="none" stroke="{PALE}"/>'


def _box(name: str, kind: str, branch: str, x: int, y: int) -> str:
    middle = x + BOX[0] // 2
    beside = y + (12 if y == EDGE else 38)  # above an arrow that is straight, below one that falls
    word = f'<text x="{x - 18}" y="{beside}" font-size="11" fill="{PALE}">{branch}</text>'
    return (
        f'<g><rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="6" fill="{FILL}" '
        f'stroke="{LINE}"/>'
        f'<text x="{middle}" y="{y + 19}" font-size="12" fill="{INK}">{escape(name)}</text>'
        f'<text x="{middle}" y="{y + 34}" font-size="10" fill="{PALE}">{escape(kind)}</text>'
        f"</g>{word if branch else ''}"
    )
