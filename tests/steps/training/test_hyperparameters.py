"""The hyperparameters: how text becomes values, what is refused, and what the pipeline sends."""

from typing import get_args

import pytest

from pipelines.settings.training import Training
from tests.steps.tiny_training import TINY, options
from training import hyperparameters
from training.environment import TrainingError
from training.hyperparameters import Recipe


def test_text_becomes_values_of_the_fields_type() -> None:
    recipe = hyperparameters.parse(options(batch_size="32.0", debug="True", lr="1e-3", freeze="-1"))
    assert (recipe.batch_size, recipe.debug, recipe.lr, recipe.freeze) == (32, True, 0.001, -1)
    assert recipe.backbone == TINY
    assert type(recipe.batch_size) is int  # a tuner may write an integer as 32.0


def test_hyperparameters_that_are_not_set_have_their_defaults() -> None:
    assert hyperparameters.parse([]) == Recipe()


def test_values_are_known_by_sagemakers_names() -> None:
    assert Recipe(image_size=64).by_name()["image-size"] == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--lr fast", "lr is 'fast' (allowed: a number above 0)"),
        ("--lr nan", "lr is 'nan' (allowed: a number above 0)"),
        ("--epochs 0", "epochs is '0' (allowed: a whole number of 1 or more)"),
        ("--epochs 2.5", "epochs is '2.5' (allowed: a whole number of 1 or more)"),
        ("--epochs inf", "epochs is 'inf' (allowed: a whole number of 1 or more)"),
        ("--image-size 8", "image-size is '8' (allowed: a whole number of 32 or more)"),
        ("--freeze -2", "freeze is '-2' (allowed: a whole number of -1 or more)"),
        ("--ema 1", "ema is '1' (allowed: a number from 0 to below 1)"),
        ("--mixup -1", "mixup is '-1' (allowed: a number of 0 or more)"),
        ("--debug perhaps", "debug is 'perhaps' (allowed: true or false)"),
        (
            "--loss hinge",
            "loss is 'hinge' (allowed: soft-ordinal, cross-entropy, coral, corn, expected-count)",
        ),
        ("--colour red", "unrecognized arguments: --colour red"),
        ("--epoch 3", "unrecognized arguments: --epoch 3"),
        ("--counts many", "counts: 'many' is not FIRST-LAST, such as 1-5 or 0-5"),
        ("--counts 5-5", "counts: '5-5' is not FIRST-LAST, such as 1-5 or 0-5"),
        ("--stop-on-issue true", "stop-on-issue needs the debug rules"),
        ("--label-noise measure --pretrained false", "set pretrained to true, or label-noise to"),
        ("--backbone resnt50", "backbone 'resnt50' is unknown; allowed: resnet18, resnet34, resne"),
    ],
    ids=lambda value: value if value.startswith("--") else "",
)
def test_a_value_that_is_not_allowed_is_refused_by_name(arguments: str, message: str) -> None:
    with pytest.raises(TrainingError) as refused:
        hyperparameters.parse(arguments.split())
    assert message in str(refused.value)


def test_all_values_that_are_not_allowed_are_named() -> None:
    with pytest.raises(TrainingError, match=r"epochs is '0' \(.*\); lr is|lr is .*; epochs is"):
        hyperparameters.parse(["--epochs", "0", "--lr", "fast"])


def test_an_unknown_backbone_is_refused_with_similar_names() -> None:
    with pytest.raises(TrainingError, match="Similar: resnet50"):
        hyperparameters.parse(["--backbone", "resnt50"])


def test_help_shows_each_hyperparameter_with_its_values_and_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        hyperparameters.parse(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--ema VALUE" in text and "(a number from 0 to below 1; default: 0.998)" in text
    assert "(light, standard; default: light)" in text
    assert all(0 < len(field.description or "") <= 60 for field in Recipe.model_fields.values()), (
        "a help text is a noun phrase or an imperative of at most 60 characters"
    )


def test_the_pipelines_settings_are_hyperparameters_with_the_same_choices_and_defaults() -> None:
    not_sent = {"max_hours", "pretrained"}  # the job's limit, and a channel
    for name, setting in Training.model_fields.items():
        if name not in not_sent:
            field = Recipe.model_fields[name]
            assert get_args(setting.annotation) == get_args(field.annotation), name
            assert setting.is_required() or setting.default == field.default, name
