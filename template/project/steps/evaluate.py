"""Measure the model on the test pictures, in SageMaker's format of model quality."""

import json
import os
import sys
import tarfile
import tempfile
from math import sqrt
from pathlib import Path

FOLDER = Path(os.environ.get("OPT_ML", "/opt/ml"), "processing")


def main() -> None:
    """Write evaluation.json: the accuracy, each class's recall and the confusion matrix."""
    model = Path(tempfile.mkdtemp())
    with tarfile.open(FOLDER / "input" / "model" / "model.tar.gz") as archive:
        archive.extractall(model, filter="data")
    sys.path.insert(0, str(model / "code"))
    import network  # the model's own

    classifier = network.Classifier(model)
    matrix = {name: dict.fromkeys(classifier.classes, 0) for name in classifier.classes}
    for name in classifier.classes:
        for file in (FOLDER / "input" / "test" / name).iterdir():
            answer = classifier.predict(network.read(file.read_bytes()))
            matrix[name][answer["class"]] += 1

    images = sum(sum(row.values()) for row in matrix.values())
    accuracy = sum(matrix[name][name] for name in matrix) / images
    report = {
        "multiclass_classification_metrics": {
            "accuracy": {
                "value": accuracy,
                "standard_deviation": sqrt(accuracy * (1 - accuracy) / images),
            },
            "confusion_matrix": matrix,
        },
        "recall": {name: row[name] / sum(row.values()) for name, row in matrix.items()},
        "test_images": images,
    }
    (FOLDER / "output" / "evaluation" / "evaluation.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
