"""Add to a model's folder what turns its outputs into answers: parts before, the rule after export.

What a model was trained without, it answers without: no record part without records.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import engine
import item_features
import served_network
from counts import Classes
from decision import Evidence
from record import Record
from training.answering import familiar, items, joining, rule
from training.data.channels import Channels
from training.data.images import Images
from training.hyperparameters import Recipe
from training.loop.fitting import Outcome
from training.result import artifact, export

MOST_IMPRESSIONS = 1000  # training images; more would delay the training
MOST_JUDGED = 5000  # validation images; the rule has some tens of weights
BATCH = 32


def parts(folder: Path, recipe: Recipe, channels: Channels, outcome: Outcome) -> None:
    """Fit the parts that join the network, and add their weights to model.pt.

    Args:
        folder: of the model, with model.pt and model.json, not sealed yet.
        recipe: the hyperparameters.
        channels: the images of the training.
        outcome: result of the training loop.
    """
    settings = json.loads((folder / "model.json").read_text())
    module = engine.module(folder, settings | {"files": artifact.hashes(folder)})
    state = torch.load(folder / engine.WEIGHTS, weights_only=True)

    def add(name: str, part: torch.nn.Module) -> None:
        state.update({f"{name}.{key}": value for key, value in part.state_dict().items()})

    levels = channels.levels
    labels, prior = (
        levels.labels(channels.validation.counts),
        torch.from_numpy(class_shares(channels)),
    )
    photo = (outcome.log_probabilities / settings["temperature"]).log_softmax(1)
    calibration = joining.fit(labels, prior, photo)
    add("calibration", calibration)
    add("familiar", familiar.fit(_impressions(module, channels.train)))
    part = items.fit(channels.train, levels, recipe.seed)
    records = channels.validation.records
    known = [at for at, one in enumerate(records) if one is not None and one.items is not None]
    if part is None or not known:
        print("no stock records to learn from: the model answers by the photo alone", flush=True)
    else:
        add("record", part)
        module.record = part
        encoded = item_features.encode([records[at] for at in known])
        with torch.inference_mode():
            by_items = module.by_items(*map(torch.from_numpy, encoded)).clone()
            by_photo = calibration(photo[known]).clone()
        add("fusion", joining.fit(labels[known], prior, by_photo, by_items))
    torch.save(state, folder / engine.WEIGHTS)


def decide(folder: Path, recipe: Recipe, channels: Channels) -> None:
    """Fit the rule for decisions with what serves the model, and write it into model.json."""
    settings = json.loads((folder / "model.json").read_text())
    sealed = settings | {"files": artifact.hashes(folder)}
    served = engine.load(folder, sealed)
    module = engine.module(folder, sealed)
    images = channels.validation
    chosen = torch.from_numpy(export.spread(len(images), MOST_JUDGED))
    outputs = [
        served.run(np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy()))
        for _, pixels in images.stream(chosen.split(BATCH))
    ]
    photo = np.concatenate([one.photo for one in outputs])
    strangeness = np.concatenate([one.strangeness for one in outputs])
    known, counts = images.records, images.counts.tolist()
    records = [known[at] or Record(counts[at]) for at in chosen.tolist()]

    def look(bins: Sequence[int], claimed: Sequence[Record]) -> list[Evidence]:
        joined = module.join(photo[list(bins)], claimed)
        return [
            Evidence(photo[bin_].astype(float), by_items, both, float(strangeness[bin_]))
            for bin_, (by_items, both) in zip(bins, joined, strict=True)
        ]

    levels = channels.levels
    fitted = rule.fit(
        look, records, class_shares(channels), Classes(levels.classes, levels.or_more),
        recipe.record_errors, recipe.match_precision, recipe.seed,
    )  # fmt: skip
    settings["decision"] = fitted.as_dict()
    (folder / "model.json").write_text(json.dumps(settings, indent=1))


def class_shares(channels: Channels) -> np.ndarray:
    """The share of each class among the training bins, without those of the further source."""
    images, levels = channels.train, channels.levels
    counts = images.counts[~images.further]
    classes = Classes(levels.classes, levels.or_more)
    judged = [class_ for count in counts.tolist() if (class_ := classes.of(count)) is not None]
    numbers = np.array([judged.count(class_) for class_ in levels.classes], dtype=float)
    shares: np.ndarray = numbers / numbers.sum()
    return shares


def _impressions(module: served_network.Serving, images: Images) -> torch.Tensor:
    """Impressions (n, f) of training images as they are, spread evenly over the channel."""
    chosen = torch.from_numpy(export.spread(len(images), MOST_IMPRESSIONS)).split(BATCH)
    with torch.inference_mode():
        rows = [
            module.impression(pixels.permute(0, 2, 3, 1)) for _, pixels in images.stream(chosen)
        ]
    return torch.cat(rows).clone()
