"""The folders of a training job, and of a training by hand."""

import re
from pathlib import Path

import pytest

from training.environment import Environment, TrainingError


def environment(**channels: Path) -> Environment:
    here = Path()
    return Environment(channels, model=here, output=here, checkpoints=here)


def test_variables_take_precedence_over_folders(tmp_path: Path) -> None:
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    environment = Environment.read(
        {"OPT_ML": str(tmp_path), "SM_CHANNEL_TRAIN": "/elsewhere", "SM_MODEL_DIR": "/m"}
    )
    assert environment.channels["train"] == Path("/elsewhere")
    assert environment.model == Path("/m")
    assert environment.output == tmp_path / "output"
    assert environment.checkpoints == tmp_path / "checkpoints"


def test_a_channel_is_found_under_either_name(tmp_path: Path) -> None:
    for name in ("validation", "valid"):
        found = environment(**{name: tmp_path}).channel("validation", "valid")
        assert found == tmp_path


def test_a_channel_under_both_names_is_refused(tmp_path: Path) -> None:
    both = environment(validation=tmp_path, valid=tmp_path)
    with pytest.raises(TrainingError, match="validation and valid are two names of one channel"):
        both.channel("validation", "valid")


def test_a_channel_that_is_no_folder_is_named_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "nowhere"
    with pytest.raises(TrainingError, match=re.escape(f"'valid' is not a folder: {path}")):
        environment(valid=path).channel("validation", "valid")


def test_outside_a_container_the_output_is_beside_the_model(tmp_path: Path) -> None:
    variables = {"OPT_ML": str(tmp_path / "none"), "SM_MODEL_DIR": str(tmp_path / "model")}
    assert Environment.read(variables).output == tmp_path / "output"


def test_outside_a_container_the_variables_to_set_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="SM_CHANNEL_TRAIN, SM_CHANNEL_VALIDATION and SM_MODEL"):
        Environment.read({"OPT_ML": str(tmp_path / "none")})


def test_a_model_folder_that_cannot_be_made_is_refused_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = Environment.read({"SM_MODEL_DIR": str(tmp_path / "file" / "model")})
    with pytest.raises(TrainingError, match="set SM_MODEL_DIR to another"):
        found.make_model_folder()


def test_a_failure_that_cannot_be_written_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "output").touch()
    Environment.read({"OPT_ML": str(tmp_path)}).write_failure("no images")
    assert (tmp_path / "output").read_text() == ""
