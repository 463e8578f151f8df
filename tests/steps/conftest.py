"""Fixtures for the tests of Prepare and training; torch is imported where one is used."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.steps.small_source import root, source

if TYPE_CHECKING:
    from tests.steps.served_model import Served

__all__ = ["images", "one_thread", "opt", "root", "source"]


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks this small gain nothing from a second one, and lose where cores are shared."""
    import torch

    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # for a process of its own
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two channels of drawn bins; tests read them and write elsewhere."""
    from tests.steps.tiny_training import channel

    folder = tmp_path_factory.mktemp("images")
    channel(folder / "train", 12)
    channel(folder / "validation", 4)
    return folder


@pytest.fixture
def opt(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """/opt/ml of one training job, with a copy of `images` as its channels."""
    root = tmp_path / "opt"
    shutil.copytree(images, root / "input" / "data")
    monkeypatch.setenv("OPT_ML", str(root))
    for name in [name for name in os.environ if name.startswith("SM_")]:
        monkeypatch.delenv(name)
    return root


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Served"]:
    """The shipped serving program, its model, and the pictures whose answers are known."""
    from tests.steps.served_model import serve_in

    with serve_in(tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture(scope="session")
def recorded_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of Evaluate: bins of 0 to 8 with stock records, and a model trained on such ones."""
    from tests.steps.evaluation.recorded_bins import evaluate_inputs

    return evaluate_inputs(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="session")
def planned_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of Evaluate whose answers are known beforehand, without an approved model."""
    from tests.steps.evaluation.planned_bins import evaluate_inputs

    return evaluate_inputs(tmp_path_factory.mktemp("planned"))


@pytest.fixture
def planned_opt(tmp_path: Path, planned_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """/opt/ml of one run of Evaluate, with a copy of `planned_inputs`."""
    monkeypatch.setenv("OPT_ML", str(tmp_path))
    shutil.copytree(planned_inputs, tmp_path / "processing" / "input")
    return tmp_path


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed model with its export; tests read it or copy it."""
    from tests.steps.tiny_model import CLASSES, drawn_channel, unsealed_model
    from training.result import artifact, export

    folder = unsealed_model(tmp_path_factory.mktemp("export") / "model")
    export.write(folder, drawn_channel(*CLASSES), drawn_channel(*CLASSES))
    artifact.seal(folder)
    return folder
