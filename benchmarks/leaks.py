"""How much a split that separates a bin's photos inflates the score: the study of docs/leaks.md.

The same images are split by bin, as Prepare does, and by image. Classifiers on features of the
pretrained, frozen backbone are trained on one part and evaluated on the other. They have no options
to choose, so validation and test are evaluated together.

    nice -n 7 .venv-steps/bin/python benchmarks/leaks.py [--source FOLDER] [--features FILE]

The folder is laid out like ABID. Features are computed once (minutes) and kept in the file.
"""

import argparse
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sources
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

import network
import pixels
from counts import Classes
from preparation.groups import find_group
from preparation.metadata import Bin, parse
from preparation.splitting import Member, split
from training.model import weights

COUNTS, SIZE, BATCH = range(1, 6), 160, 64
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(C=1e-3, max_iter=300)
    ),
    # Weak regularization: it memorizes, as a network does that is trained for long.
    "logistic regression, loose": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(C=1, max_iter=60)
    ),
    "nearest neighbour": lambda: make_pipeline(Normalizer(), KNeighborsClassifier(1)),
}
# The reported figures, each a number per image.
MEASURES: dict[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]] = {
    "exact": lambda answer, truth: answer == truth,
    "within one": lambda answer, truth: np.abs(answer - truth) <= 1,
}


@dataclass(frozen=True)
class Images:
    """n images: ids, counts (n,), the number of each image's bin (n,), features (n, d)."""

    ids: list[str]
    counts: NDArray[Any]
    bins: NDArray[Any]
    features: NDArray[Any]


@dataclass
class BinSums:
    """Sums over the tests of each bin's images, for one kind of split."""

    right: NDArray[Any]
    tests: NDArray[Any]

    @classmethod
    def empty(cls, bins: int) -> "BinSums":
        """Sums of zero for a number of bins."""
        return cls(np.zeros(bins), np.zeros(bins))

    def add(self, bins: NDArray[Any], right: NDArray[Any]) -> None:
        """Add answers for images of these bins."""
        np.add.at(self.right, bins, right)
        np.add.at(self.tests, bins, 1)

    def score(self, weights: NDArray[Any]) -> float:
        """The percentage of right answers, with a weight for each bin."""
        return float(100 * (weights @ self.right) / max(weights @ self.tests, 1))


def read(source: Path, file: Path) -> Images:
    """All images with these counts; features come from the file, or are computed and kept there."""
    found: list[Bin] = []
    items: dict[str, frozenset[str] | None] = {}
    for path in sorted((source / "metadata").glob("*.json")):
        bin_ = parse(path.stem, path.read_bytes())
        items[bin_.id] = bin_.asins
        if bin_.count in COUNTS and (source / "bin-images" / f"{bin_.id}.jpg").exists():
            found.append(bin_)
    ids = [bin_.id for bin_ in found]
    kept = np.load(file) if file.is_file() else None
    if kept is not None and list(kept["ids"]) == ids:
        features = kept["features"]
    else:
        features = compute(source / "bin-images", ids)
        np.savez(file, ids=ids, features=features)
    groups = [find_group(identity, items) for identity in ids]
    number = {group: index for index, group in enumerate(sorted(set(groups)))}
    return Images(
        ids, np.array([b.count for b in found]), np.array([number[g] for g in groups]), features
    )


def compute(folder: Path, ids: Sequence[str]) -> NDArray[Any]:
    """The backbone's features (n, d) of each image, before its last layer."""
    backbone = weights.pretrained(network.SHIPPED, 2).eval()
    backbone.to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in network.normalisation(network.SHIPPED))
    features = []
    with torch.inference_mode(), ThreadPoolExecutor(2) as threads:
        for start in range(0, len(ids), BATCH):
            files = [folder / f"{identity}.jpg" for identity in ids[start : start + BATCH]]
            decoded = threads.map(lambda file: pixels.decode(file.read_bytes(), SIZE), files)
            batch = torch.from_numpy(np.stack(list(decoded))).permute(0, 3, 1, 2)
            maps = backbone.forward_features((batch.float() / 255 - mean) / std)
            features.append(backbone.forward_head(maps, pre_logits=True).numpy())
            print(f"\rfeatures: {start + len(files)} of {len(ids)}", end="", file=sys.stderr)
    return np.concatenate(features)


def study(images: Images, seeds: int) -> None:
    """Split, train, evaluate and print."""
    sizes = np.bincount(images.bins)
    same, near, pairs = neighbours(images)
    print(
        f"{len(images.ids)} images of {len(sizes)} bins; {int((sizes > 1)[images.bins].sum())} "
        f"have another photo of their bin. Of {pairs} such pairs {same:.1%} hold the same count, "
        f"{near:.1%} counts that differ by one"
    )
    every = {
        (name, measure, kind): BinSums.empty(len(sizes))
        for name in CLASSIFIERS
        for measure in MEASURES
        for kind in (
            "by bin",
            "by image",
            "by bin, pairs",
            "by image, separated",
            "by image, alone",
        )
    }
    training_scores: dict[str, list[float]] = defaultdict(list)
    for seed in range(seeds):
        for way in ("by bin", "by image"):
            trained = training_mask(images, seed, by_bin=way == "by bin")
            evaluated = ~trained
            same_bin = np.isin(images.bins, images.bins[trained])[evaluated]
            paired = (sizes > 1)[images.bins][evaluated]
            for name, make in CLASSIFIERS.items():
                model = make()
                model.fit(images.features[trained], images.counts[trained])
                answer = model.predict(images.features[evaluated])
                training_scores[name].append(
                    model.score(images.features[trained], images.counts[trained])
                )
                for measure, function in MEASURES.items():
                    right = function(answer, images.counts[evaluated]).astype(float)
                    kinds = {way: np.ones(len(right), bool)}
                    if way == "by bin":
                        kinds["by bin, pairs"] = paired
                    else:
                        kinds |= {"by image, separated": same_bin, "by image, alone": ~same_bin}
                    for kind, chosen in kinds.items():
                        every[name, measure, kind].add(
                            images.bins[evaluated][chosen], right[chosen]
                        )
        print(f"\rseed {seed + 1} of {seeds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    resampled = np.random.default_rng(0).multinomial(
        len(sizes), np.full(len(sizes), 1 / len(sizes)), 2000
    )
    for name in CLASSIFIERS:
        print(f"{name} answers {np.mean(training_scores[name]):.1%} of its training images exactly")
        for measure in MEASURES:
            of = {key[2]: sums for key, sums in every.items() if key[:2] == (name, measure)}
            print(f"{name}, {measure}, % of the images evaluated over {seeds} seeds:")
            for kind, sums in of.items():
                print(f"  {kind:20} {sums.score(np.ones(len(sizes))):5.1f}  "
                      f"({int(sums.tests.sum())} tests)")  # fmt: skip
            report("by image - by bin", of["by image"], of["by bin"], resampled)
            report(
                "  of separated photos", of["by image, separated"], of["by bin, pairs"], resampled
            )


def neighbours(images: Images) -> tuple[float, float, int]:
    """The shares of pairs of one bin's photos with equal counts and with counts one apart."""
    members = defaultdict(list)
    for index, number in enumerate(images.bins):
        members[number].append(images.counts[index])
    apart = np.array(
        [
            abs(one - other)
            for counts in members.values()
            for index, one in enumerate(counts)
            for other in counts[:index]
        ]
    )
    return float((apart == 0).mean()), float((apart == 1).mean()), len(apart)


def training_mask(images: Images, seed: int, by_bin: bool) -> NDArray[Any]:
    """Which images are trained on, bool (n,), by Prepare's split of bins or of single images."""
    members = [
        Member(identity, int(count), str(number) if by_bin else identity)
        for identity, count, number in zip(images.ids, images.counts, images.bins, strict=True)
    ]
    parts = split(members, (8, 1, 1), seed, Classes(tuple(COUNTS)))
    return np.array([parts[identity] == "train" for identity in images.ids])


def report(what: str, left: BinSums, right: BinSums, resampled: NDArray[Any]) -> None:
    """Print a difference in percentage points with its 95 % interval, by bootstrap over bins."""
    ones = np.ones(resampled.shape[1])
    drawn = [left.score(weights) - right.score(weights) for weights in resampled]
    low, high = np.percentile(drawn, [2.5, 97.5])
    print(f"  {what:20} {left.score(ones) - right.score(ones):+5.1f}  ({low:+.1f} to {high:+.1f})")


def main() -> None:
    """Read the images and print the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--source", type=sources.folder, default=sources.DEFAULT, help="bins like ABID"
    )
    parser.add_argument("--features", type=Path, default=Path("features.npz"), help="cache file")
    parser.add_argument("--seeds", type=int, default=20, help="number of seeds (default: 20)")
    options = parser.parse_args()
    warnings.simplefilter(
        "ignore", ConvergenceWarning
    )  # the weakly regularized one stops early on purpose
    study(read(options.source, options.features), options.seeds)


if __name__ == "__main__":
    main()
