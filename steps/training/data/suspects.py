"""Report probably wrong training labels, and leave the worst out if requested.

A label that somebody counted is no suspect. But where it contradicts both the record and the model,
one of three is right: such bins come first on the list, for a second look.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

import plotting
from audit_finding import Finding
from training.data import label_noise
from training.data.images import Images
from training.data.inputs import Features

DOCUMENT, SHEET = "label_noise.json", "suspects.png"
SHOWN = 24


@dataclass(frozen=True)
class Suspect:
    """A label that is probably wrong.

    Attributes:
        id: the image's name, without the suffix.
        count: the label.
        likely: the most probable count; of an audited bin the count that the model answered.
        quality: the probability of the label, 0 … 1; None for an audited bin.
        audited: whether it is a bin whose audit contradicts both the record and the model.
    """

    id: str
    count: int
    likely: int | None
    quality: float | None
    audited: bool = False


def indices_without_suspects(
    images: Images, features: Features, leave_out: bool, folder: Path, seed: int
) -> torch.Tensor:
    """Write label_noise.json and suspects.png, and log a summary.

    Args:
        images: training images, with their files.
        features: of the images, from a network that was not trained on them.
        leave_out: whether to leave the suspects out.
        folder: of the two files.
        seed: of the folds.

    Returns:
        Indices of the images to train on, in order.
    """
    started = time.monotonic()
    labels = images.labels.numpy()
    names = [file.stem for file in images.files]
    judgement = label_noise.judge(features.features.mean(1).cpu().numpy(), labels, names, seed)
    if judgement is None:
        print(
            f"label noise: not judged, as fewer than two counts have {label_noise.FEWEST} images",
            flush=True,
        )
        return torch.arange(len(images))
    findings = images.findings
    unaudited = np.array([findings[index] is None for index in judgement.worst], dtype=bool)
    worst = judgement.worst[unaudited]
    left_out = label_noise.without_emptying(worst, labels) if leave_out else worst[:0]
    suspects = {
        index: Suspect(
            names[index], images.classes[labels[index]], finding.model_count, None, audited=True
        )
        for index, finding in enumerate(findings)
        if finding and finding.contradicts_both
    }
    contradicting = len(suspects)
    suspects |= {
        int(index): Suspect(
            names[index],
            images.classes[labels[index]],
            images.classes[likely],
            round(float(quality), 4),
        )
        for index, likely, quality in zip(
            worst, judgement.likely[unaudited], judgement.quality[unaudited], strict=True
        )
    }
    document = {
        "method": label_noise.METHOD,
        "folds": label_noise.FOLDS,
        "images": judgement.images,
        "out_of_fold_accuracy": round(judgement.accuracy, 4),
        "always_the_commonest": round(judgement.commonest, 4),
        "flagged": judgement.flagged,
        "estimated_noise": round(judgement.flagged / judgement.images, 4),
        "suspects": [asdict(suspect) for suspect in suspects.values()],
        "left_out": len(left_out),
        "seconds": round(time.monotonic() - started, 2),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DOCUMENT).write_text(json.dumps(document, indent=1))
    _draw(folder / SHEET, images, judgement, suspects)
    doubt = "mostly hard images; " if judgement.flagged > len(worst) else ""
    audited = f"{contradicting} audited bins to look at again, " if contradicting else ""
    print(
        f"label noise: {judgement.flagged} of {judgement.images} labels flagged; the predictions "
        f"used for this are {judgement.accuracy:.0%} right (always the commonest count: "
        f"{judgement.commonest:.0%}); {doubt}"
        f"{audited}{len(worst)} suspects, {len(left_out) or 'none'} left out",
        flush=True,
    )
    return torch.from_numpy(np.setdiff1d(np.arange(len(labels)), left_out))


def _draw(
    file: Path, images: Images, judgement: label_noise.Judgement, suspects: Mapping[int, Suspect]
) -> None:
    """Draw the first suspects on one sheet."""
    shown = dict(list(suspects.items())[:SHOWN])
    title = f"The {len(shown)} labels of {judgement.images} that fit their images least"
    if any(suspect.audited for suspect in shown.values()):
        title = "Audited bins that contradict record and model, then labels that look wrong"
    if not shown:
        title = f"No suspect among {judgement.images} labels"
    findings = images.findings
    entries = [
        plotting.Entry(images.files[index], _caption(suspect, findings[index]))
        for index, suspect in shown.items()
    ]
    plotting.contact_sheet(file, title, entries, columns=6)


def _caption(suspect: Suspect, finding: Finding | None) -> str:
    if finding:
        return f"holds {suspect.count} ({finding.words})"
    return f"labelled {suspect.count} ({suspect.quality:.1%}), looks like {suspect.likely}"
