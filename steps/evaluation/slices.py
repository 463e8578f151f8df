"""How good the model is on parts of the test images: large and small, dark and light, and so on.

Sizes, items and volumes come from Prepare's manifest; the brightness is measured here. A property
that the manifest does not hold is left out, and the results name it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation import intervals
from evaluation.predictions import Predictions
from evaluation.testset import TestImage

THIRDS = 3
MANY = 3  # this many different items, or more, are one slice
THUMBNAIL = 64  # pixels; enough for a mean


def describe(predictions: Predictions, manifest: Path) -> dict[str, Any]:
    """The slices by property, and the properties without slices.

    Returns:
        {"by": {property: [{"slice", "images", "accuracy", "within_one", "low", "high"}, …]},
        "left_out": {property: reason}}, where low and high are the accuracy's 95 % interval.
    """
    known = {str(one.get("id")): one for one in _images(manifest)}
    entries = [known.get(image.path.stem, {}) for image in predictions.images]
    megapixels = [_product(one.get("width"), one.get("height")) for one in entries]
    labelled = {
        "image size": _thirds(megapixels, ("small", "middle", "large"), "{:.2g} megapixels"),
        "brightness": _thirds(
            [luminance(image) for image in predictions.images],
            ("dark", "middle", "bright"),
            "{:.0%} of white",
        ),
        "different items": [_kinds(one.get("items")) for one in entries],
        "item volume": _thirds(
            [one.get("volume") for one in entries],
            ("small", "middle", "large"),
            "{:.0f} cubic inches",
        ),
    }
    if any(image.finding for image in predictions.images):
        labelled["source of the count"] = [
            "1|audit" if image.finding else "0|record" for image in predictions.images
        ]
    by, left_out = {}, {}
    for name, labels in labelled.items():
        if not any(labels):
            left_out[name] = "the manifest does not hold it"
        elif len(set(labels) - {""}) < 2:
            left_out[name] = "it is the same for all test images"
        else:
            by[name] = _slices(predictions, labels)
    return {"by": by, "left_out": left_out}


def luminance(image: TestImage) -> float:
    """Mean luminance of an image, from 0 (black) to 1 (white)."""
    with Image.open(image.path) as opened:
        opened.draft("L", (THUMBNAIL, THUMBNAIL))
        return float(np.asarray(opened.convert("L"), dtype=float).mean() / 255)


def _slices(predictions: Predictions, labels: Sequence[str]) -> list[dict[str, Any]]:
    near = np.abs(predictions.truth - predictions.answer) <= 1
    slices = []
    for label in sorted(set(labels) - {""}, key=_rank):
        inside = np.array([one == label for one in labels])
        correct = predictions.correct[inside]
        slices.append(
            {
                "slice": label.partition("|")[2],
                "images": int(inside.sum()),
                "accuracy": float(correct.mean()),
                "within_one": float(near[inside].mean()),
                **intervals.wilson(int(correct.sum()), len(correct)),
            }
        )
    return slices


def _thirds(values: Sequence[float | None], names: Sequence[str], unit: str) -> list[str]:
    """The third that each value is in, as "rank|name: range"; "" where there is no value."""
    known = np.array([value for value in values if value is not None], dtype=float)
    if not len(known) or known.min() == known.max():
        return ["" if value is None else "0|all" for value in values]
    edges = np.quantile(known, (1 / THIRDS, 2 / THIRDS))
    ranks = [None if value is None else int(np.searchsorted(edges, value)) for value in values]
    labels = {}
    for rank in {rank for rank in ranks if rank is not None}:
        inside = [v for v, r in zip(values, ranks, strict=True) if r == rank and v is not None]
        low, high = unit.format(min(inside)), unit.format(max(inside))
        span = high if low == high else f"{low.split()[0]} to {high}"
        labels[rank] = f"{rank}|{names[rank]}: {span}"
    return ["" if rank is None else labels[rank] for rank in ranks]


def _kinds(items: int | None) -> str:
    if items is None:
        return ""
    return f"{MANY}|{MANY} or more" if items >= MANY else f"{items}|{items}"


def _rank(label: str) -> int:
    return int(label.partition("|")[0])


def _product(width: float | None, height: float | None) -> float | None:
    return None if width is None or height is None else width * height / 1e6


def _images(manifest: Path) -> list[dict[str, Any]]:
    return list(json.loads(manifest.read_text()).get("images", []))
