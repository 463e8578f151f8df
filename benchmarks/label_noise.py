"""What confident learning finds among the labels of bin images, and what leaving it out is worth.

Three questions, on the bins with one to five items of a folder laid out like the Amazon Bin Image
Dataset, with the code that training uses: how many labels are doubtful; how many labels that were
changed on purpose are found; and what leaving suspects out does to images that were not learnt
from. Each fold is such that neighbouring ids, often one bin, are not parted.

Run (four minutes, of which the network takes most; its features are kept in --features):
.venv-steps/bin/python benchmarks/label_noise.py ../shared/abid/aft-vbi-pds-224
"""

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "steps"))

import numpy as np
import sources
import torch
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
CHANGED = 0.05  # of the labels, for the test of the detector


def main() -> None:
    """Ask the three questions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=sources.folder, help="with bin-images/ and metadata/")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3, help="seeds (default: 3)")
    parser.add_argument("--features", type=Path, help="where features are kept between runs (.npz)")
    options = parser.parse_args()
    names, labels = bins(options.folder)
    features = seen(options, names)
    find(features, labels, names)
    detect(features, labels, names, options.rounds)
    print(f"\nLeaving out, {options.rounds} seeds of five folds: held-out accuracy")
    for changed in (0.0, 0.1):
        leave_out(features, labels, names, options.rounds, changed)


def bins(folder: Path) -> tuple[list[str], np.ndarray]:
    """Names and labels (0 … 4) of the bins with one to five items."""
    every = [parse(file.stem, file.read_bytes()) for file in sorted(folder.glob("metadata/*.json"))]
    wrong = [f"{one.id} ({one.count})" for one in every if not one.adds_up]
    print(f"{len(every)} bins; the quantities do not add up in {len(wrong)}: {', '.join(wrong)}")
    found = [one for one in every if one.count in COUNTS]
    return [one.id for one in found], np.array([one.count - COUNTS[0] for one in found])


def seen(options: argparse.Namespace, names: list[str]) -> np.ndarray:
    """What the pretrained backbone sees (n, features), the mean over image and mirror image."""
    kept = options.features or Path(tempfile.gettempdir()) / f"noise-{options.image_size}.npz"
    if kept.is_file():
        found = np.load(kept)
        if found["names"].tolist() == names:
            return found["features"]
    begun = time.monotonic()
    files = [options.folder / "bin-images" / f"{name}.jpg" for name in names]
    images = Images(Decoder(files, options.image_size, 2), torch.zeros(len(files)), (0,))
    model = weights.pretrained(network.SHIPPED, len(COUNTS))
    colours = network.normalisation(network.SHIPPED)
    pixels = inputs.Pixels(
        images, *colours, augmentation.STRENGTHS["light"], True, torch.device("cpu")
    )
    found = inputs.compute_features(model, network.head_of(model), pixels, 50, "float32").features
    features = found.mean(1).numpy()
    np.savez(kept, names=np.array(names), features=features)
    print(f"features of {len(names)} images in {time.monotonic() - begun:.0f} s")
    return features


def find(features: np.ndarray, labels: np.ndarray, names: list[str]) -> None:
    """Say what is found in the labels as they are."""
    begun = time.monotonic()
    found = label_noise.judge(features, labels, names)
    assert found is not None
    print(
        f"\n{found.images} labels judged in {time.monotonic() - begun:.1f} s; out-of-fold accuracy "
        f"{found.accuracy:.1%}, always the commonest {found.commonest:.1%}; flagged "
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
    labels: np.ndarray, share: float, apart: Callable[[int, int], bool], seed: int
) -> np.ndarray:
    """The labels, a share of them changed to another that `apart` allows."""
    chance = np.random.default_rng(seed)
    given = labels.copy()
    for index in chance.choice(len(labels), round(len(labels) * share), replace=False):
        allowed = [k for k in range(len(COUNTS)) if apart(labels[index], k)]
        given[index] = chance.choice(allowed)
    return given


def detect(features: np.ndarray, labels: np.ndarray, names: list[str], rounds: int) -> None:
    """Change some labels and see how many are found."""
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
            flagged = label_noise.find_label_issues(given, probability, n_jobs=1)
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
    features: np.ndarray, labels: np.ndarray, names: list[str], rounds: int, changed: float
) -> None:
    """Learn without the suspects, and answer images whose labels were not touched."""
    right: dict[str, list[np.ndarray]] = {}
    for seed in range(rounds):
        given = changes(labels, changed, lambda a, b: a != b, seed) if changed else labels
        fold = label_noise.folds(names, labels, 100 + seed)
        answers = {way: np.zeros(len(labels), dtype=bool) for way in ("everything", *WAYS)}
        for number in range(label_noise.FOLDS):
            rest, part = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            order = worst(features[rest], given[rest], [names[i] for i in rest], seed)
            for way in answers:
                out = WAYS[way](order, rest, seed) if way in WAYS else []
                learnt = np.delete(rest, out)
                answers[way][part] = (
                    answer(features[learnt], given[learnt], features[part]) == labels[part]
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


def worst(features: np.ndarray, labels: np.ndarray, names: list[str], seed: int) -> np.ndarray:
    """Every flagged label, worst first."""
    fold = label_noise.folds(names, labels, seed)
    probability = label_noise.probabilities(features, labels, fold, len(COUNTS))
    return label_noise.find_label_issues(
        labels, probability, return_indices_ranked_by="self_confidence", n_jobs=1
    )


def answer(features: np.ndarray, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What the cheap model answers: a logistic regression over the features."""
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=label_noise.PENALTY, max_iter=200, tol=1e-3)
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(features, labels).predict(others)


def _by_chance(order: np.ndarray, rest: np.ndarray, seed: int) -> np.ndarray:
    number = round(len(rest) * label_noise.MOST)
    return np.random.default_rng(seed).choice(len(rest), number, replace=False)


# What is left out: indices of the training images.
WAYS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "the worst 2 %": lambda order, rest, seed: order[: round(len(rest) * 0.02)],
    "the suspects (worst 5 %)": lambda order, rest, seed: order[: round(len(rest) * 0.05)],
    "the worst 10 %": lambda order, rest, seed: order[: round(len(rest) * 0.1)],
    "everything that is flagged": lambda order, rest, seed: order,
    "5 % by chance": _by_chance,
}


if __name__ == "__main__":
    main()
