"""The folders of a training job."""

from pathlib import Path

from training.environment import Environment


def test_variables_take_precedence_over_folders(tmp_path: Path) -> None:
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    environment = Environment.read(
        {"OPT_ML": str(tmp_path), "SM_CHANNEL_TRAIN": "/elsewhere", "SM_MODEL_DIR": "/m"}
    )
    assert environment.channels["train"] == Path("/elsewhere")
    assert environment.model == Path("/m")
    assert environment.checkpoints == tmp_path / "checkpoints"
