"""Which test images a model that was approved earlier may be judged by.

Every retraining splits anew, so bins that the approved model learnt from can be in today's test
set. There it would be judged by what it remembers, and a better candidate would be refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evaluation.testset import TestImage

LEARNT_FROM = "learnt_from.txt"  # in the model: ids of its training and validation images
FEWEST = 30  # images; fewer decide nothing


def unseen(images: Sequence[TestImage], model: Path, manifest: Path) -> np.ndarray | None:
    """Indices of the test images whose bins a model has not learnt from.

    Args:
        images: the test images.
        model: the model's folder.
        manifest: Prepare's, which says of what bin (group) an image is.

    Returns:
        None where that is not known, as of a model that is older than the list.
    """
    if not (model / LEARNT_FROM).is_file():
        return None
    learnt = set((model / LEARNT_FROM).read_text().split())
    rows = json.loads(manifest.read_text()).get("images", [])
    group = {row["id"]: row["group"] for row in rows}
    bins = {group[identity] for identity in learnt if identity in group}
    found = [
        index
        for index, image in enumerate(images)
        if image.path.stem not in learnt and group.get(image.path.stem) not in bins
    ]
    return np.array(found, dtype=np.int64)
