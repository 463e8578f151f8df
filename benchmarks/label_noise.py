"""How well confident learning finds wrong labels of bin images, and what removing them is worth.

It uses training's own code on the bins with one to five items of a folder laid out like the Amazon
Bin Image Dataset, and answers three questions: how many labels are suspect; how many labels changed
on purpose are found; and how removing suspects from training changes held-out accuracy. Folds keep
neighbouring ids, which are often one bin, together.

It takes four minutes, most of them for the network's features, which --features keeps.

    .venv-steps/bin/python benchmarks/label_noise.py FOLDER_OF_BINS
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sources
import torch
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import network
from preparation.metadata import parse
from training.data import augmentation, inputs, label_noise
from training.data.decoder import Decoder
from training.data.images import Images
from training.model import weights

COUNTS = range(1, 6)
CHANGED = 0.05  # share of labels that are changed to measure detection


def main() -> None:
    """Answer the three questions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=sources.folder, help="folder with bin-images/ and metadata/")
    parser.add_argument("--image-size", type=int, default=224, help="pixels (default: 224)")
    parser.add_argument("--rounds", type=int, default=3, help="number of seeds (default: 3)")
    parser.add_argument("--features", type=Path, help=".npz file that keeps features between runs")
    options = parser.parse_args()
    names, labels = bins(options.folder)
    features = load_features(options, names)
    report_suspects(features, labels, names)
    detect(features, labels, names, options.rounds)
    print(f"\nLeaving out, {options.rounds} seeds of five folds: held-out accuracy")
    for changed in (0.0, 0.1):
        leave_out(features, labels, names, options.rounds, changed)


def bins(folder: Path) -> tuple[list[str], NDArray[Any]]:
    """Names and labels (0 … 4) of the bins with one to five items."""
    every = [parse(file.stem, file.read_bytes()) for file in sorted(folder.glob("metadata/*.json"))]
    wrong = [f"{one.id} ({one.count})" for one in every if not one.adds_up]
    print(f"{len(every)} bins; the quantities do not add up in {len(wrong)}: {', '.join(wrong)}")
    found = [one for one in every if one.count in COUNTS]
    return [one.id for one in found], np.array([one.count - COUNTS[0] for one in found])


def load_features(options: argparse.Namespace, names: list[str]) -> NDArray[Any]:
    """The pretrained backbone's features (n, features), averaged over image and mirror image."""
    kept = options.features or Path(tempfile.gettempdir()) / f"noise-{options.image_size}.npz"
    if kept.is_file():
        saved = np.load(kept)
        if saved["names"].tolist() == names:
            return np.asarray(saved["features"])
    started = time.monotonic()
    files = [options.folder / "bin-images" / f"{name}.jpg" for name in names]
    images = Images(Decoder(files, options.image_size, 2), torch.zeros(len(files)), (0,))
    model = weights.pretrained(network.SHIPPED, len(COUNTS))
    colours = network.normalisation(network.SHIPPED)
    pixels = inputs.Pixels(
        images, *colours, augmentation.STRENGTHS["light"], True, torch.device("cpu")
    )
    found = inputs.compute_features(model, network.head_of(model), pixels, 50, "float32").features
    features: NDArray[Any] = found.mean(1).numpy()
    np.savez(kept, names=np.array(names), features=features)
    print(f"features of {len(names)} images in {time.monotonic() - started:.0f} s")
    return features


def report_suspects(features: NDArray[Any], labels: NDArray[Any], names: list[str]) -> None:
    """Print the suspects among the unchanged labels."""
    started = time.monotonic()
    found = label_noise.judge(features, labels, names)
    assert found is not None
    print(
        f"\n{found.images} labels judged in {time.monotonic() - started:.1f} s; out-of-fold "
        f"accuracy {found.accuracy:.1%}, always the most common {found.commonest:.1%}; flagged "
        f"{found.flagged} ({found.flagged / found.images:.0%}), suspects {len(found.worst)}"
    )
    pairs = np.zeros((len(COUNTS), len(COUNTS)), dtype=int)
    np.add.at(pairs, (labels[found.worst], found.likely), 1)
    print("suspects by label (rows) and what they look like (columns), counts 1-5")
    print(pairs)
    first = zip(found.worst[:24], found.likely, found.quality, strict=False)
    print(
        "worst:",
        ", ".join(f"{names[i]} {labels[i] + 1}>{k + 1} {quality:.3f}" for i, k, quality in first),
    )


def changes(
    labels: NDArray[Any], share: float, apart: Callable[[int, int], bool], seed: int
) -> NDArray[Any]:
    """The labels, with a share of them changed to another label that `apart` allows."""
    chance = np.random.default_rng(seed)
    changed = labels.copy()
    for index in chance.choice(len(labels), round(len(labels) * share), replace=False):
        allowed = [k for k in range(len(COUNTS)) if apart(labels[index], k)]
        changed[index] = chance.choice(allowed)
    return changed


def detect(features: NDArray[Any], labels: NDArray[Any], names: list[str], rounds: int) -> None:
    """Print how many labels changed on purpose are found."""
    print(f"\nDetecting {CHANGED:.0%} of labels changed on purpose, {rounds} seeds, mean")
    print("changed by      AUC  right of worst 100  of suspects  found among suspects  by cleanlab")
    kinds: dict[str, Callable[[int, int], bool]] = {
        "one": lambda a, b: abs(a - b) == 1,
        "any": lambda a, b: a != b,
        "two or more": lambda a, b: abs(a - b) > 1,
    }
    for kind, apart in kinds.items():
        rows = []
        for seed in range(rounds):
            given = changes(labels, CHANGED, apart, seed)
            wrong = given != labels
            fold = label_noise.folds(names, given, seed)
            probability = label_noise.probabilities(features, given, fold, len(COUNTS))
            found = label_noise.find(probability, given)
            quality = probability[np.arange(len(given)), given]
            right = wrong[found.worst]
            flagged = find_label_issues(given, probability, n_jobs=1)
            rows.append(
                (
                    roc_auc_score(wrong, -quality),
                    right[:100].mean(),
                    right.mean(),
                    right.sum() / wrong.sum(),
                    flagged[wrong].mean(),
                )
            )
        auc, best, precision, recall, every = np.mean(rows, axis=0)
        print(f"{kind:<12}{auc:>8.2f}{best:>20.0%}{precision:>13.0%}{recall:>22.0%}{every:>13.0%}")


def leave_out(
    features: NDArray[Any], labels: NDArray[Any], names: list[str], rounds: int, changed: float
) -> None:
    """Train without the suspects, and print the accuracy on images with unchanged labels."""
    right: dict[str, list[NDArray[Any]]] = {}
    for seed in range(rounds):
        given = changes(labels, changed, lambda a, b: a != b, seed) if changed else labels
        fold = label_noise.folds(names, labels, 100 + seed)
        answers = {way: np.zeros(len(labels), dtype=bool) for way in ("everything", *WAYS)}
        for number in range(label_noise.FOLDS):
            rest, part = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            order = worst(features[rest], given[rest], [names[i] for i in rest], seed)
            for way in answers:
                removed = WAYS[way](order, rest, seed) if way in WAYS else order[:0]
                kept = np.delete(rest, removed)
                answers[way][part] = (
                    answer(features[kept], given[kept], features[part]) == labels[part]
                )
        for way, found in answers.items():
            right.setdefault(way, []).append(found)
    title = f"{changed:.0%} of the training labels changed" if changed else "labels as they are"
    print(f"{title}: {np.mean(right['everything']):.2%} with everything")
    for way in WAYS:
        pairs = [a.astype(int) - b for a, b in zip(right[way], right["everything"], strict=True)]
        better = [pair.mean() for pair in pairs]
        # Per seed, each image is answered once by both: the standard error of McNemar's test.
        error = np.mean([pair.std() / len(pair) ** 0.5 for pair in pairs])
        print(
            f"  without {way:<32}{np.mean(better):>+8.2%} (standard error {error:.2%}; seeds "
            f"{', '.join(f'{one:+.2%}' for one in better)})"
        )


def worst(
    features: NDArray[Any], labels: NDArray[Any], names: list[str], seed: int
) -> NDArray[Any]:
    """The indices of all flagged labels, worst first."""
    fold = label_noise.folds(names, labels, seed)
    probability = label_noise.probabilities(features, labels, fold, len(COUNTS))
    return np.asarray(
        find_label_issues(labels, probability, return_indices_ranked_by="self_confidence", n_jobs=1)
    )


def answer(features: NDArray[Any], labels: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """The answers of a logistic regression on the features."""
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=label_noise.PENALTY, max_iter=200, tol=1e-3)
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(model.fit(features, labels).predict(others))


def _by_chance(order: NDArray[Any], rest: NDArray[Any], seed: int) -> NDArray[Any]:
    number = round(len(rest) * label_noise.MOST)
    return np.random.default_rng(seed).choice(len(rest), number, replace=False)


# Which training images are removed: indices into the worst-first order, or into all of them.
WAYS: dict[str, Callable[[NDArray[Any], NDArray[Any], int], NDArray[Any]]] = {
    "the worst 2 %": lambda order, rest, seed: order[: round(len(rest) * 0.02)],
    "the suspects (worst 5 %)": lambda order, rest, seed: order[: round(len(rest) * 0.05)],
    "the worst 10 %": lambda order, rest, seed: order[: round(len(rest) * 0.1)],
    "everything that is flagged": lambda order, rest, seed: order,
    "5 % by chance": _by_chance,
}


if __name__ == "__main__":
    main()
