"""On what a training computes, and how precisely."""

import pytest
import torch
import train
from training import hyperparameters
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


def test_a_gpu_that_cannot_be_used_is_said(monkeypatch, tmp_path, capsys):
    (tmp_path / "0000:00:1e.0").mkdir()
    monkeypatch.setattr(train, "GPUS", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert train._device().type == "cpu"
    assert "it wants a driver for CUDA 13.0" in capsys.readouterr().out
    monkeypatch.setattr(torch.version, "cuda", None)  # a build for the processor: as was wanted
    assert train._device().type == "cpu"
    assert capsys.readouterr().out == ""
