"""Ways to join what the photo shows with the items on record: docs/decisions/photo-and-record.md.

The models of `make accuracy` look at the images of their splits once. Every way is then fitted on
the same outputs, and compared on the validation images: what training fits on validation is fitted
in ten folds by bin. The test images are not read.

    .venv-steps/bin/python benchmarks/photo_and_record.py [--accuracy FOLDER]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import nn
from torch.nn import functional
from trained import trained_seeds

import decision
import engine
import item_features
from counts import Classes
from record_network import RecordPart
from served_network import Serving
from training.answering import joining
from training.data.images import load_images

FOLDS, BATCH, WORKERS = 10, 64, 2
COUNTS = np.arange(1, 6)  # the bins that published figures are about
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """What a model says about the images of one split whose records list items.

    Attributes:
        ids: of the images.
        photo, items: log probabilities float (n, classes); photo is 0 where nothing was counted.
        features: of the network, float (n, f).
        encoded: the items and their numbers, as `item_features.encode` gives them.
        labels: index of each right class (n).
    """

    ids: NDArray[np.str_]
    photo: torch.Tensor
    items: torch.Tensor
    features: torch.Tensor
    encoded: tuple[torch.Tensor, torch.Tensor]
    labels: torch.Tensor

    def only(self, rows: NDArray[np.int64]) -> Seen:
        """Some of the images."""
        at = torch.from_numpy(rows)
        items, listed = self.encoded
        return Seen(
            self.ids[rows], self.photo[at], self.items[at], self.features[at],
            (items[at], listed[at]), self.labels[at],
        )  # fmt: skip


def look(module: Serving, folder: Path, size: int, classes: Classes, counted: bool) -> Seen:
    """Look at every image of a split whose record lists items.

    Args:
        module: the model.
        folder: of the split.
        size: of the images, in pixels.
        classes: of the model.
        counted: whether to count, too, and not only to take the features: a third of the time.
    """
    images = load_images(folder, size, WORKERS)
    every = images.records
    known = [
        at for at, (record, count) in enumerate(zip(every, images.counts, strict=True))
        if record is not None and record.items is not None and classes.of(int(count)) is not None
    ]  # fmt: skip
    rows = torch.tensor(known)
    photos, features = [], []
    with torch.inference_mode():
        for _, pixels in images.stream(rows.split(BATCH)):
            normalised = (pixels.float() / 255 - module.mean) / module.std
            features.append(module.counting.backbone(normalised))
            if counted:
                photos.append(module.counting.look(normalised)[0])
        records = [every[at] for at in known]
        encoded = tuple(map(torch.from_numpy, item_features.encode(records)))
        items = module.by_items(*encoded)
    labels = [classes.counts.index(classes.of(int(count)) or 0) for count in images.counts[rows]]
    return Seen(
        np.array([images.files[at].stem for at in known]),
        torch.cat(photos).clone() if counted else torch.zeros(len(known), len(classes.counts)),
        items.clone(), torch.cat(features).clone(),
        (encoded[0], encoded[1]), torch.tensor(labels),
    )  # fmt: skip


class JointHead(nn.Module):
    """A small head over the photo's features and the items, trained as one."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.photo = nn.Sequential(nn.Dropout(0.3), nn.Linear(features, 64), nn.GELU())
        self.record = RecordPart(64)
        self.both = nn.Sequential(nn.Linear(192, 64), nn.GELU(), nn.Linear(64, classes))

    def forward(self, seen: Seen) -> torch.Tensor:
        """Log odds (n, classes)."""
        photo, record = self.photo(seen.features), self.record(*seen.encoded)
        return self.both(torch.cat([photo, record, photo * record], dim=1))


def joint_head(train: Seen, classes: int) -> JointHead:
    """Train the joint head on the features of the training images, which stay as they are."""
    torch.manual_seed(0)
    head = JointHead(train.features.shape[1], classes).train()
    epochs, batch = 12, 64
    optimizer = torch.optim.AdamW(head.parameters(), 0.002, weight_decay=0.05)
    steps = epochs * -(-len(train.labels) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.002, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(train.labels)).split(batch):
            part = train.only(rows.numpy())
            optimizer.zero_grad()
            functional.cross_entropy(head(part), part.labels).backward()
            optimizer.step()
            schedule.step()
    head.eval()
    return head


def boosted(train: Seen, validation: Seen, classes: int) -> Shares:
    """Boosted trees over the items: their number, and mean, least and greatest of each measure."""

    def table(seen: Seen) -> NDArray[np.float64]:
        items, listed = (values.numpy() for values in seen.encoded)
        there = items[:, :, :1]
        number = np.maximum(there.sum(1), 1)
        return np.hstack(
            [listed[:, None], items.sum(1) / number, (items - 9 * (1 - there)).max(1),
             (items + 9 * (1 - there)).min(1)]
        )  # fmt: skip

    trees = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.06, max_leaf_nodes=8)
    trees.fit(table(train), train.labels.numpy())
    shares = np.zeros((len(validation.labels), classes))
    shares[:, trees.classes_] = trees.predict_proba(table(validation))
    return shares


def in_folds(
    seen: Seen, groups: list[str], fit: Callable[[Seen], Callable[[Seen], torch.Tensor]]
) -> Shares:
    """What a way answers that is fitted on validation: on nine tenths of the bins for the tenth."""
    names = np.array(groups)
    order = np.random.default_rng(0).permutation(np.unique(names))
    found = np.zeros(tuple(seen.photo.shape))
    for fold in np.array_split(order, FOLDS):
        held = np.isin(names, fold)
        answer = fit(seen.only(np.flatnonzero(~held)))
        with torch.inference_mode():
            found[held] = answer(seen.only(np.flatnonzero(held))).exp().numpy()
    return found


def row(name: str, shares: Shares, seen: Seen, classes: Classes) -> str:
    """Figures on all bins, and on those of 1 to 5 with the distribution scaled to these counts."""
    labels = seen.labels.numpy()
    losses = -np.log(shares[np.arange(len(labels)), labels].clip(1e-9))
    exact = (decision.decide(shares, classes.counts) == labels).mean()
    truth = np.array(classes.counts)[labels]
    inside = np.isin(truth, COUNTS)
    columns = [classes.counts.index(count) for count in COUNTS.tolist()]
    some = shares[inside][:, columns]
    some = some / some.sum(1, keepdims=True)
    answers = COUNTS[decision.decide(some, tuple(COUNTS.tolist()))]
    near = np.abs(answers - truth[inside]) <= 1
    right, error = answers == truth[inside], some @ COUNTS - truth[inside]
    return (
        f"| {name} | {exact:.1%} | {losses.mean():.4f} | {right.mean():.1%} "
        f"| {near.mean():.1%} | {np.sqrt((error**2).mean()):.3f} |"
    )


def compare(model: Path, images: Path) -> list[str]:
    """The rows of one seed."""
    settings = json.loads((model / "model.json").read_text())
    classes = Classes(tuple(settings["classes"]), bool(settings["or_more"]))
    module, size = engine.module(model, settings), int(settings["image_size"])
    train = look(module, images / "train", size, classes, counted=False)
    validation = look(module, images / "validation", size, classes, counted=True)
    manifest = json.loads((images / "manifest" / "manifest.json").read_text())
    group = {one["id"]: one["group"] for one in manifest["images"]}
    groups = [group[identity] for identity in validation.ids.tolist()]
    number = len(classes.counts)
    prior = torch.bincount(train.labels, minlength=number).double() / len(train.labels)
    product = validation.photo + validation.items - prior.log()
    head = joint_head(train, number)
    with torch.inference_mode():
        joint = head(validation).softmax(1).double().numpy()

    def fitted(*names: str) -> Shares:
        def fit(seen: Seen) -> Callable[[Seen], torch.Tensor]:
            given = (getattr(seen, name) for name in names)
            part = joining.fit(seen.labels, prior, *given)
            return lambda other: part(*(getattr(other, name) for name in names))

        return in_folds(validation, groups, fit)

    ways = {
        "the photo": validation.photo.exp().double().numpy(),
        "the photo, calibrated on validation (served without a record)": fitted("photo"),
        "the items, as a set network (served)": validation.items.exp().double().numpy(),
        "the items, as boosted trees": boosted(train, validation, number),
        "product of experts with the class shares": product.softmax(1).numpy(),
        "regression on both distributions (served)": fitted("photo", "items"),
        "joint head over features and items, the network unchanged": joint,
    }
    return [row(name, shares, validation, classes) for name, shares in ways.items()]


def main() -> int:
    """Print a table for every seed that `make accuracy` has trained."""
    for one in trained_seeds(__doc__):
        rows = compare(one.model, one.images)
        print(f"\n{one.name}, validation:\n")
        print("| what the answer knows | exact | log loss | exact on 1 to 5 | within one | RMSE |")
        print("|---|---|---|---|---|---|")
        print("\n".join(rows), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
