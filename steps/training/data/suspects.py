"""Look for wrong labels among the training images, show the worst, leave them out by setting."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

import pictures
from training.data import label_noise
from training.data.images import Images
from training.data.inputs import Features

DOCUMENT, SHEET = "label_noise.json", "suspects.png"
SHOWN = 24


@dataclass(frozen=True)
class Suspect:
    """A label that is probably wrong, more probably than others.

    Attributes:
        id: the image's name, without the suffix.
        count: as labelled.
        likely: the count that the image looks most like.
        quality: the probability of the label, 0 … 1.
    """

    id: str
    count: int
    likely: int
    quality: float


def examine(
    images: Images, seen: Features, leave_out: bool, folder: Path, seed: int
) -> torch.Tensor:
    """Write label_noise.json and suspects.png, and say in the log what was found.

    Args:
        images: to learn from, with their files.
        seen: what a network that has not learnt from them sees in them.
        leave_out: whether the suspects are left out.
        folder: where to write.
        seed: of the folds.

    Returns:
        Indices of the images to learn from, in order.
    """
    begun = time.monotonic()
    labels = images.labels.numpy()
    names = [file.stem for file in images.files]
    found = label_noise.judge(seen.features.mean(1).cpu().numpy(), labels, names, seed)
    if found is None:
        print(
            f"label noise: not judged, for two counts need {label_noise.FEWEST} images", flush=True
        )
        return torch.arange(len(images))
    out = label_noise.without_emptying(found.worst, labels) if leave_out else found.worst[:0]
    suspects = [
        Suspect(
            names[index],
            images.classes[labels[index]],
            images.classes[likely],
            round(float(quality), 4),
        )
        for index, likely, quality in zip(found.worst, found.likely, found.quality, strict=True)
    ]
    document = {
        "method": label_noise.METHOD,
        "folds": label_noise.FOLDS,
        "images": found.images,
        "out_of_fold_accuracy": round(found.accuracy, 4),
        "always_the_commonest": round(found.commonest, 4),
        "flagged": found.flagged,
        "estimated_noise": round(found.flagged / found.images, 4),
        "suspects": [asdict(suspect) for suspect in suspects],
        "left_out": len(out),
        "seconds": round(time.monotonic() - begun, 2),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DOCUMENT).write_text(json.dumps(document, indent=1))
    _draw(folder / SHEET, images, found, suspects)
    doubt = "hard images mostly; " if found.flagged > len(suspects) else ""
    print(
        f"label noise: {found.flagged} of {found.images} labels flagged by answers that are right "
        f"for {found.accuracy:.0%} (always the commonest count: {found.commonest:.0%}); {doubt}"
        f"{len(suspects)} suspects, {len(out) or 'none'} left out",
        flush=True,
    )
    return torch.from_numpy(np.setdiff1d(np.arange(len(labels)), out))


def _draw(file: Path, images: Images, found: label_noise.Finding, suspects: list[Suspect]) -> None:
    """The worst suspects as pictures."""
    shown = suspects[:SHOWN]
    title = f"The {len(shown)} labels of {found.images} that fit their images least"
    if not shown:
        title = f"No suspect among {found.images} labels"
    entries = [
        pictures.Entry(
            images.files[index],
            f"labelled {suspect.count} ({suspect.quality:.1%}), looks like {suspect.likely}",
        )
        for index, suspect in zip(found.worst, shown, strict=False)
    ]
    pictures.contact_sheet(file, title, entries, columns=6)
