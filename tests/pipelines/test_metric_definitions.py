"""The metric definitions of the training jobs, applied to the line that training prints."""

import re

from pipelines.builders.trainer import METRICS, OBJECTIVE
from training.loop.epoch import Epoch

EPOCH = Epoch(
    epoch=3,
    train_loss=1.25,
    train_accuracy=0.5,
    validation_loss=1e-7,
    validation_accuracy=0.75,
    validation_rmse=0.875,
    validation_within_one=1.0,
    images_per_second=12345.5,
)


def test_each_metric_definition_extracts_its_value_from_the_line_of_an_epoch() -> None:
    values = {name: re.findall(regex, EPOCH.line()) for name, regex in METRICS.items()}
    assert values == {
        "train:loss": ["1.2500"],
        "train:accuracy": ["0.5000"],
        "validation:loss": ["0.0000"],
        OBJECTIVE: ["0.7500"],
        "validation:rmse": ["0.8750"],
        "images_per_second": ["12345.5000"],
    }


def test_a_metric_definition_matches_no_other_line_of_the_log() -> None:
    line = "epoch 3: step 7 of 12, loss 1.250"
    assert not any(re.search(regex, line) for regex in METRICS.values())
