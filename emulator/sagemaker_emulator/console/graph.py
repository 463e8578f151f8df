"""The graph of a definition, laid out in layers from top to bottom."""

import functools
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import fast_sugiyama
from fast_sugiyama.layout import Layouts

from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition
from sagemaker_emulator.sagemaker.pipelines.language.graph import ancestors

WIDTH, HEIGHT = 200, 54  # of a node
_ACROSS, _DOWN = 226, 104  # from node to node
_MARGIN = 12
_UNIT = 100.0  # of the library, for a node in both directions
_LONGEST_LABEL = 20
_BRANCH_LABELS = {"IfSteps": "true", "ElseSteps": "false"}


@dataclass(frozen=True)
class Node:
    """A step in the graph; `x` and `y` are the place of its upper left corner."""

    name: str
    label: str
    type: str
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """An arrow from a step to one that waits for it.

    Attributes:
        path: the line, as the `d` of an SVG path.
        label: the branch of a condition; empty for others.
        x: where the label is.
        y: where the label is.
    """

    source: str
    target: str
    path: str
    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Graph:
    """The graph of a definition, in pixels."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float


def graph_of(definition: Definition) -> Graph:
    """The graph of a definition, without the arrows that follow from others."""
    arrows = tuple(_arrows(definition.waits))
    places, lines = _layout(tuple(definition.steps), arrows)
    nodes = tuple(
        Node(name, _short(step.entry.get("DisplayName") or name), step.type, *places[name])
        for name, step in definition.steps.items()
    )
    edges = []
    for source, target in arrows:
        step = definition.steps[target]
        label = _BRANCH_LABELS[step.branch or ""] if step.condition == source else ""
        edges.append(_edge(source, target, label, lines[source, target]))
    return Graph(
        nodes,
        tuple(edges),
        max(x for x, _ in places.values()) + WIDTH + _MARGIN,
        max(y for _, y in places.values()) + HEIGHT + _MARGIN,
    )


def _arrows(waits: Mapping[str, set[str]]) -> Iterable[tuple[str, str]]:
    """The pairs (step, one that waits for it) that do not follow from others."""
    for target, direct in waits.items():
        through: set[str] = set()
        for parent in direct:
            through |= ancestors(waits, parent)
        for source in waits:  # in the order of the definition
            if source in direct - through:
                yield source, target


_Place = tuple[float, float]


@functools.lru_cache(maxsize=256)
def _layout(
    names: tuple[str, ...], arrows: tuple[tuple[str, str], ...]
) -> tuple[dict[str, _Place], dict[tuple[str, str], list[_Place]]]:
    """The corner of each step, and the points of each arrow, from above to below."""
    # Numbers: with texts, the library's layout is another one in each process.
    number = {name: i for i, name in enumerate(names)}
    pairs = [(number[source], number[target]) for source, target in arrows]
    layouts = Layouts()
    if pairs:
        layouts = fast_sugiyama.from_edges(
            pairs, vertex_spacing=_UNIT, dummy_vertices=True, crossing_minimization="barycenter"
        )
    alone = set(range(len(names))) - {each for pair in pairs for each in pair}
    layouts.extend(([(each, (0.0, 0.0))], 1.0, 0.0, []) for each in sorted(alone))
    aligned: Layouts = layouts.align_layouts_vertical_top()  # type: ignore[no-untyped-call]
    raw = aligned.compact_layouts_horizontal(spacing=_UNIT).to_dict()
    left, top = min(x for x, _ in raw.values()), max(y for _, y in raw.values())
    corners = {
        vertex: (
            _MARGIN + round((x - left) / _UNIT * _ACROSS, 1),
            _MARGIN + round((top - y) / _UNIT * _DOWN, 1),
        )
        for vertex, (x, y) in raw.items()
    }
    # An arrow over several layers leads through vertices of the library's own.
    following: dict[int | str, list[int | str]] = {}
    for _, _, _, links in layouts:
        for source, target in links or []:
            following.setdefault(source, []).append(target)
    lines: dict[tuple[str, str], list[_Place]] = {}
    for begin in {source for source, _ in pairs}:
        for first in following[begin]:
            chain: list[int | str] = [begin, first]
            while int(chain[-1]) >= len(names):
                chain.append(following[chain[-1]][0])
            lines[names[begin], names[int(chain[-1])]] = [corners[each] for each in chain]
    return {name: corners[number[name]] for name in names}, lines


def _edge(source: str, target: str, label: str, corners: list[_Place]) -> Edge:
    middle = WIDTH / 2
    (x, y), *between, (to_x, to_y) = corners
    points = [(x + middle, y + HEIGHT)]
    points += [(each_x + middle, each_y + HEIGHT / 2) for each_x, each_y in between]
    points.append((to_x + middle, to_y - 3))
    parts = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        bend = (y2 - y1) / 2
        parts.append(f"C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}")
    return Edge(source, target, " ".join(parts), label, points[-1][0], points[-1][1] - 12)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…"
