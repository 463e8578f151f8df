"""Find probably wrong training labels: confident learning over features of a frozen network.

The probabilities come from a logistic regression trained without the image and its neighbours;
cleanlab finds the labels that contradict them. C. Northcutt, L. Jiang, I. Chuang: Confident
Learning: Estimating Uncertainty in Dataset Labels, JAIR 70 (2021). docs/label-noise.md has
measurements on bin images: a suspect is a label to check, not one that is certainly wrong.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

METHOD = "confident learning (Northcutt et al. 2021) over out-of-fold probabilities"
FOLDS = 5
FEWEST = 10  # images of a count; labels of rarer counts are not judged
BLOCK = 20  # ids kept in one fold: neighbours are often one bin, before and after a change
PENALTY = 0.0003  # C of the logistic regression, for 1,280 standardised features
MOST = 0.05  # share of the labels that can be suspects; the next ones are hardly worse than average


@dataclass(frozen=True)
class Judgement:
    """The suspects among a set of labels.

    Attributes:
        images: number of judged images.
        accuracy: of the out-of-fold predictions, against the labels.
        commonest: accuracy of always predicting the commonest label.
        flagged: number of labels that confident learning calls issues.
        worst: indices of the suspects, worst first: the flagged labels, at most a share of all.
        likely: the most probable label of each suspect.
        quality: the probability of each suspect's own label.
    """

    images: int
    accuracy: float
    commonest: float
    flagged: int
    worst: np.ndarray
    likely: np.ndarray
    quality: np.ndarray


def folds(names: Sequence[str], labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Assign a fold to each image (n): neighbouring ids share one, and folds have all labels.

    Names that end in a number are ids. Only an unbroken run of ids longer than a fortieth of all
    images is divided, as there might be a single fold otherwise.
    """
    ids = [_id(name) for name in names]
    longest = max(2, len(names) // (8 * FOLDS))
    groups = np.zeros(len(names), dtype=np.int64)
    group, first, size = 0, None, 0
    last: tuple[str, int] | None = None
    for index in sorted(range(len(names)), key=lambda index: ids[index]):
        prefix, number = here = ids[index]
        if first is None or last is None:
            first = here
        elif (
            prefix != last[0]
            or (number - last[1] > 1 and (number - first[1] >= BLOCK or 2 * size > longest))
            or (number != last[1] and size >= longest)
        ):
            group, first, size = group + 1, here, 0
        groups[index] = group
        last, size = here, size + 1
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    fold_of = np.zeros(len(names), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label too rare for every fold
        for fold, (_, part) in enumerate(splitter.split(groups, labels, groups)):
            fold_of[part] = fold
    return fold_of


def probabilities(
    features: np.ndarray, labels: np.ndarray, fold: np.ndarray, classes: int
) -> np.ndarray:
    """Out-of-fold probabilities (n, classes); NaN for labels that the other folds do not have."""
    result = np.zeros((len(labels), classes))
    for number in np.unique(fold):
        rest, part = fold != number, fold == number
        if len(np.unique(labels[rest])) < 2:
            result[part] = np.nan  # a single label cannot be learnt
            continue
        regression = make_pipeline(
            StandardScaler(), LogisticRegression(C=PENALTY, max_iter=200, tol=1e-3)
        )
        # More threads wait for each other here: ten times as long on two cores.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # an approximation is enough
            regression.fit(features[rest], labels[rest])
        answers = np.zeros((part.sum(), classes))
        answers[:, regression.classes_] = regression.predict_proba(features[part])
        answers[~np.isin(labels[part], regression.classes_)] = np.nan
        result[part] = answers
    return result


def find(probability: np.ndarray, labels: np.ndarray) -> Judgement:
    """Find the labels that out-of-fold probabilities contradict most.

    Args:
        probability: (n, classes); rows of NaN are not judged.
        labels: (n), indices of classes.
    """
    judged = np.flatnonzero(~np.isnan(probability).any(axis=1))
    classes, own = np.unique(labels[judged], return_inverse=True)  # cleanlab allows no gaps
    shares = probability[np.ix_(judged, classes)]
    shares = shares / shares.sum(axis=1, keepdims=True)
    quality = get_label_quality_scores(own, shares, method="self_confidence")
    ranked = find_label_issues(own, shares, return_indices_ranked_by="self_confidence", n_jobs=1)
    worst = ranked[: round(len(judged) * MOST)]
    answers = shares.argmax(axis=1)
    return Judgement(
        images=len(judged),
        accuracy=float((answers == own).mean()),
        commonest=float(np.bincount(own).max() / len(own)),
        flagged=len(ranked),
        worst=judged[worst],
        likely=classes[answers[worst]],
        quality=quality[worst],
    )


def judge(
    features: np.ndarray, labels: np.ndarray, names: Sequence[str], seed: int = 0
) -> Judgement | None:
    """Find the suspects among the labels of images.

    Args:
        features: (n, features), from a frozen network.
        labels: (n), 0 …; labels with fewer than FEWEST images are not judged.
        names: (n), the images' file names without the suffix.
        seed: of the folds.

    Returns:
        None if fewer than two labels have enough images.
    """
    frequent = np.flatnonzero(np.bincount(labels)[labels] >= FEWEST)
    if len(np.unique(labels[frequent])) < 2:
        return None
    probability = np.full((len(labels), labels.max() + 1), np.nan)
    fold = folds([names[index] for index in frequent.tolist()], labels[frequent], seed)
    probability[frequent] = probabilities(
        features[frequent], labels[frequent], fold, probability.shape[1]
    )
    judged = ~np.isnan(probability).any(axis=1)
    if len(np.unique(labels[judged])) < 2:
        return None  # one fold has all images of a label
    return find(probability, labels)


def without_emptying(worst: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Choose the suspects to leave out: at most half of the images of each label."""
    allowed = np.bincount(labels) // 2
    chosen = []
    for index in worst:
        if allowed[labels[index]]:
            allowed[labels[index]] -= 1
            chosen.append(index)
    return np.array(chosen, dtype=np.int64)


def _id(name: str) -> tuple[str, int]:
    """The number at the end of a name, and the text before it."""
    match = re.fullmatch(r"(.*?)(\d{1,18})", name)
    return (match[1], int(match[2])) if match else (name, 0)
