"""The profile as one self-contained HTML page."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.watch.profiling.findings import Finding, findings
from training.watch.profiling.profiler import Profile

NAME = "profile.html"
TEMPLATE = Path(__file__).with_name("profile.html.j2")
STYLES = Path(__file__).parents[3] / "styles"
SHOWN = 15  # operators
POINTS = 240  # of a curve; a long training has a sample every half second
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 960, 190, 52, 10, 26
PHASES = {
    "model": "building the network",
    "decoding": "decoding the images",
    "features": "computing features of the frozen part",
    "label noise": "finding wrong labels",
    "data": "data loading",
    "forward_backward": "forward and backward",
    "evaluation": "validation",
    "rules": "debug rules during training",
    "tracking": "logging to MLflow",
}
OTHER = "everything else"


@dataclass(frozen=True)
class Curve:
    """A line of a chart: its name, its index in the legend, and its points in SVG's syntax."""

    name: str
    index: int
    points: str


@dataclass(frozen=True)
class Chart:
    """Curves over the seconds of a training, in units of `WIDTH` by `HEIGHT`."""

    title: str
    unit: str
    curves: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...]
    seconds: tuple[tuple[float, str], ...]


def write(file: Path, title: str, profile: Profile, speeds: Sequence[float]) -> None:
    """Write the page of a training, and store its findings in the profile.

    Args:
        file: the page; its folder is created.
        title: of the training.
        profile: measurements of the profiler.
        speeds: images per second of each epoch.
    """
    in_words = findings(profile, speeds)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render(title, profile, in_words, speeds), encoding="utf-8")
    profile.findings = [str(finding) for finding in in_words]


def render(
    title: str, profile: Profile, in_words: Sequence[Finding], speeds: Sequence[float] = ()
) -> str:
    """The page as text; arguments as in `write`, and the findings."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    operators = profile.operators
    environment = Environment(
        loader=FileSystemLoader([TEMPLATE.parent, STYLES]),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(TEMPLATE.name).render(
        title=title,
        profile=profile,
        figures=profile.as_dict(),
        findings=in_words,
        phases=phases(profile),
        operators=operators,
        slowest=operators.operators[:SHOWN] if operators else (),
        kinds=operators.kinds() if operators else (),
        speeds=speeds,
        speed=statistics.median(speeds) if speeds else 0.0,
        charts=charts(profile),
        size=(WIDTH, HEIGHT, LEFT, TOP, BOTTOM),
    )


def phases(profile: Profile) -> list[tuple[str, float, float]]:
    """Name, seconds and share of each phase; the rest is an entry, too."""
    whole = max(profile.seconds, sum(profile.phases.values()), 1e-9)
    named = [(PHASES.get(name, name), seconds) for name, seconds in profile.phases.items()]
    named.append((OTHER, whole - sum(profile.phases.values())))
    return [(name, seconds, seconds / whole) for name, seconds in named]


def charts(profile: Profile) -> list[Chart]:
    """Use of processors and memory over time; empty without samples."""
    busy = {
        "CPU, this training": profile.cpu,
        "CPU, the whole machine": profile.machine_cpu,
        **{f"GPU {index}": samples for index, samples in profile.gpu.items()},
    }
    memory = {"memory of this training": [value / 1024 for value in profile.memory_mb]}
    every = [
        _chart("Utilisation", "%", busy, profile.times, 100.0),
        _chart("Memory", "GB", memory, profile.times, 0.0),
    ]
    return [chart for chart in every if chart.curves]


def _chart(
    title: str, unit: str, samples: dict[str, list[float]], times: Sequence[float], top: float
) -> Chart:
    """A chart from 0 to `top`, or if that is 0, to a little above the largest value."""
    highest = top or 1.1 * max((max(values, default=0.0) for values in samples.values()), default=0)
    last = max(times, default=0.0)

    def across(second: float) -> float:
        return LEFT + (WIDTH - LEFT - 10) * second / (last or 1.0)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / (highest or 1.0)

    curves = []
    for index, (name, values) in enumerate(samples.items()):
        pairs = thinned(list(zip(times, values, strict=False)))
        points = " ".join(f"{across(second):.1f},{up(value):.1f}" for second, value in pairs)
        if len(pairs) > 1:
            curves.append(Curve(name, index, points))
    marks = [highest * part / 4 for part in range(5)]
    return Chart(
        title,
        unit,
        tuple(curves),
        tuple((up(mark), f"{mark:.0f}" if highest >= 10 else f"{mark:.1f}") for mark in marks),
        tuple((across(last * part / 4), f"{last * part / 4:.0f} s") for part in range(5)),
    )


def thinned(pairs: list[tuple[float, float]], most: int = POINTS) -> list[tuple[float, float]]:
    """Reduce a curve to at most `most` points, each the mean of its neighbours."""
    if len(pairs) <= most:
        return pairs
    bounds = [len(pairs) * index // most for index in range(most + 1)]
    return [
        (sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part))
        for part in (pairs[a:b] for a, b in itertools.pairwise(bounds))
    ]
