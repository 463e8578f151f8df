"""On what a training computes, and how precisely."""

import pytest
import torch
from training import devices, hyperparameters
from training.environment import TrainingError
from training.settings import Settings

from tests.steps.tiny_training import options


@pytest.mark.parametrize(("native", "expected"), [(True, True), (False, False)])
def test_bfloat16_is_for_gpus_that_have_it(monkeypatch, native, expected):
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: native or including_emulation,
    )
    chosen = hyperparameters.parse(options())
    assert Settings.of(chosen, torch.device("cuda")).bfloat16 is expected
    assert Settings.of(chosen, torch.device("cpu")).bfloat16 is False


@pytest.fixture
def unusable(monkeypatch, tmp_path):
    """A GPU whose driver is older than this torch wants."""
    (tmp_path / "0000:00:1e.0").mkdir()
    monkeypatch.setattr(devices, "GPUS", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")


@pytest.mark.parametrize("variables", [{}, {"SM_CURRENT_INSTANCE_TYPE": "ml.m5.large"}])
def test_a_gpu_that_cannot_be_used_is_said(unusable, capsys, monkeypatch, variables):
    assert devices.choose(variables).type == "cpu"
    assert "it wants a driver for CUDA 13.0" in capsys.readouterr().out
    monkeypatch.setattr(torch.version, "cuda", None)  # a build for the processor: as was wanted
    assert devices.choose(variables).type == "cpu"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("instance", ["ml.g4dn.xlarge", "ml.p3.2xlarge", "ml.g6e.48xlarge"])
def test_a_gpu_that_is_paid_for_and_cannot_be_used_ends_the_training(unusable, instance):
    with pytest.raises(TrainingError, match=f"CUDA 13.0.* instead of {instance}"):
        devices.choose({"SM_CURRENT_INSTANCE_TYPE": instance})


def test_an_instance_without_its_gpu_is_this_machine(unusable, monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "GPUS", tmp_path / "none")
    assert devices.choose({"SM_CURRENT_INSTANCE_TYPE": "ml.g4dn.xlarge"}).type == "cpu"
