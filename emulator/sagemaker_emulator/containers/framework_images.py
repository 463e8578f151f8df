"""The images that the emulator brings: folders that stand for AWS's framework images.

Their repositories' names are those of the SageMaker SDK's `image_uri_config`; their contents were
read from the Dockerfiles of aws/sagemaker-scikit-learn-container and
aws/sagemaker-xgboost-container, and from the notes of aws/deep-learning-containers.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).with_name("frameworks")
# Repositories that differ from a folder's name; a processor's kind and a Python are parts of names.
_OTHER_NAMES = (
    (re.compile(r"sagemaker-base-python-\d+"), "sagemaker-base-python"),
    (re.compile(r"(pytorch|tensorflow)-(training|inference)-(graviton|arm64)"), r"\1-\2"),
    (re.compile(r"sagemaker-(scikit-learn|xgboost)-graviton"), r"sagemaker-\1"),
)
# Those of AWS's own algorithms, for which no library is kept here.
_ALGORITHMS = (
    *("blazingtext", "factorization-machines", "forecasting-deepar", "image-classification"),
    *("ipinsights", "kmeans", "knn", "lda", "linear-learner", "ntm", "object-detection"),
    *("object2vec", "pca", "randomcutforest", "semantic-segmentation", "seq2seq", "xgboost"),
)


def folder_of(name: str) -> Path | None:
    """The folder of a repository of AWS's, or None if the emulator brings none."""
    for pattern, replacement in _OTHER_NAMES:
        if match := pattern.fullmatch(name):
            name = match.expand(replacement)
    return FOLDER / name if name in names() else None


def names() -> list[str]:
    """The images that the emulator brings, sorted."""
    return sorted(path.name for path in FOLDER.iterdir() if (path / "image.yaml").is_file())


def refusal(name: str) -> str:
    """Why an image of AWS's is not run here, with what to do instead; empty for any other name."""
    if name == "xgboost":
        return (
            "the first version of AWS's XGBoost algorithm (tag 1) is not run by the emulator. "
            "sagemaker-xgboost is, from 0.90-1 to 3.2-0: with the SDK, version='1.7-1'."
        )
    if name in _ALGORITHMS:
        return (
            f"AWS's built-in algorithm {name} is not run by the emulator: its code is not public. "
            "Train with sagemaker-xgboost, or with a script in sagemaker-scikit-learn or "
            f"pytorch-training; or supply a folder {name} of your own in --images."
        )
    return ""
