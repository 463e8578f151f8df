"""The backbones that a training can build, so that a misspelt one is refused before it starts.

The names are timm's, of the version in the training image, which this environment does not have.
`backbones.txt` has a line for each: the name, and the tags of its published weights.
tests/steps/test_backbones.py compares it with timm, and renews it.
"""

from functools import cache
from pathlib import Path

from pipelines.errors import closest

FILE = Path(__file__).with_name("backbones.txt")
# Built by torchvision, not by timm (steps/network.py).
RESNETS = ("resnet18", "resnet34", "resnet50")


@cache
def weights_by_name() -> dict[str, tuple[str, ...]]:
    """The tags of the published weights of each timm model; none where nobody published any."""
    lines = (line.split() for line in FILE.read_text(encoding="ascii").splitlines())
    return {name: tuple(tags) for name, *tags in lines}


def is_known(backbone: str) -> bool:
    """Whether a training can build it; a tag may choose its weights: `resnet50.a1_in1k`."""
    name, dot, tag = backbone.partition(".")
    tags = weights_by_name().get(name)
    return tags is not None and (not dot or tag in tags)


def has_published_weights(backbone: str) -> bool:
    """Whether a known backbone has weights that a job can download."""
    return bool(weights_by_name()[backbone.partition(".")[0]])


def similar(backbone: str) -> str:
    """The end of a sentence about an unknown one: `; did you mean X?` or `.`"""
    name, dot, _ = backbone.partition(".")
    tags = weights_by_name().get(name, ())
    if dot and tags:
        return closest(backbone, [f"{name}.{tag}" for tag in tags])
    return closest(backbone, weights_by_name())
