"""Which training labels are probably wrong: confident learning over features of a frozen network.

The probabilities come from a logistic regression that never saw the image nor its neighbours;
cleanlab finds the labels that they speak against. C. Northcutt, L. Jiang, I. Chuang: Confident
Learning: Estimating Uncertainty in Dataset Labels, JAIR 70 (2021). What this is worth on bin
images was measured in docs/label-noise.md: a suspect is a label to look at, not one that is wrong.
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
FEWEST = 10  # images of a count; the labels of rarer counts are not judged
BLOCK = 20  # ids that are kept in one fold: neighbours are often one bin, before and after a change
PENALTY = 0.0003  # C of the logistic regression, for 1,280 standardised features
MOST = 0.05  # of the labels are suspects; of those after them, hardly more are wrong than of any


@dataclass(frozen=True)
class Finding:
    """What was found in a set of labels.

    Attributes:
        images: how many were judged.
        accuracy: of the out-of-fold answers, against the labels.
        commonest: the accuracy of always answering the commonest label.
        flagged: how many labels confident learning calls issues.
        worst: indices of the suspects, worst first: the flagged ones, at most a share of all.
        likely: the most probable label for each of them.
        quality: the probability of the given label for each of them.
    """

    images: int
    accuracy: float
    commonest: float
    flagged: int
    worst: np.ndarray
    likely: np.ndarray
    quality: np.ndarray


def folds(names: Sequence[str], labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """A fold for each image (n): neighbouring ids share one, and every fold has every label.

    Names that end in a number are ids. Only an unbroken run of ids that is longer than a fortieth
    of all images is cut, for else there might be one fold.
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
    found = np.zeros(len(names), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a rare label that not every fold can have
        for fold, (_, part) in enumerate(splitter.split(groups, labels, groups)):
            found[part] = fold
    return found


def probabilities(
    features: np.ndarray, labels: np.ndarray, fold: np.ndarray, classes: int
) -> np.ndarray:
    """Out-of-fold probabilities (n, classes); NaN for a label that the other folds do not have."""
    found = np.zeros((len(labels), classes))
    for number in np.unique(fold):
        rest, part = fold != number, fold == number
        if len(np.unique(labels[rest])) < 2:
            found[part] = np.nan  # nothing to tell apart
            continue
        regression = make_pipeline(
            StandardScaler(), LogisticRegression(C=PENALTY, max_iter=200, tol=1e-3)
        )
        # More threads than one only wait for each other here: ten times as long on two cores.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # near enough is good enough here
            regression.fit(features[rest], labels[rest])
        answers = np.zeros((part.sum(), classes))
        answers[:, regression.classes_] = regression.predict_proba(features[part])
        answers[~np.isin(labels[part], regression.classes_)] = np.nan
        found[part] = answers
    return found


def find(probability: np.ndarray, labels: np.ndarray) -> Finding:
    """The labels that out-of-fold probabilities speak against most.

    Args:
        probability: (n, classes); rows of NaN are not judged.
        labels: (n), indices of classes.
    """
    judged = np.flatnonzero(~np.isnan(probability).any(axis=1))
    seen, given = np.unique(labels[judged], return_inverse=True)  # cleanlab wants no gaps
    shares = probability[np.ix_(judged, seen)]
    shares = shares / shares.sum(axis=1, keepdims=True)
    quality = get_label_quality_scores(given, shares, method="self_confidence")
    ranked = find_label_issues(given, shares, return_indices_ranked_by="self_confidence", n_jobs=1)
    worst = ranked[: round(len(judged) * MOST)]
    answers = shares.argmax(axis=1)
    return Finding(
        images=len(judged),
        accuracy=float((answers == given).mean()),
        commonest=float(np.bincount(given).max() / len(given)),
        flagged=len(ranked),
        worst=judged[worst],
        likely=seen[answers[worst]],
        quality=quality[worst],
    )


def judge(
    features: np.ndarray, labels: np.ndarray, names: Sequence[str], seed: int = 0
) -> Finding | None:
    """Find the suspects among the labels of images.

    Args:
        features: (n, features), what a frozen network sees in the images.
        labels: (n), 0 …; those of fewer than FEWEST images are not judged.
        names: (n), the images' file names without the suffix.
        seed: of the folds.

    Returns:
        None where not even two labels have enough images.
    """
    often = np.flatnonzero(np.bincount(labels)[labels] >= FEWEST)
    if len(np.unique(labels[often])) < 2:
        return None
    probability = np.full((len(labels), labels.max() + 1), np.nan)
    fold = folds([names[index] for index in often.tolist()], labels[often], seed)
    probability[often] = probabilities(features[often], labels[often], fold, probability.shape[1])
    judged = ~np.isnan(probability).any(axis=1)
    if len(np.unique(labels[judged])) < 2:
        return None  # a fold had all images of a label
    return find(probability, labels)


def without_emptying(worst: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Those of the suspects that can be left out: at most half of the images of a label."""
    room = np.bincount(labels) // 2
    chosen = []
    for index in worst:
        if room[labels[index]]:
            room[labels[index]] -= 1
            chosen.append(index)
    return np.array(chosen, dtype=np.int64)


def _id(name: str) -> tuple[str, int]:
    """What stands before a name's last digits, and the number that these are."""
    found = re.fullmatch(r"(.*?)(\d{1,18})", name)
    return (found[1], int(found[2])) if found else (name, 0)
