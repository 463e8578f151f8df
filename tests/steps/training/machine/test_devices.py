"""On what a training computes, and how precisely."""

import os
import sys
from pathlib import Path

import pytest
import torch

import train
from tests.steps.tiny_training import options
from training.environment import TrainingError
from training.machine import devices


@pytest.mark.parametrize(("native", "expected"), [(True, True), (False, False)])
def test_bfloat16_is_used_on_gpus_with_native_support(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: bool
) -> None:
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: native or including_emulation,
    )
    assert devices.uses_bfloat16("auto", torch.device("cuda")) is expected
    assert devices.uses_bfloat16("auto", torch.device("cpu")) is False


TOO_OLD = "The NVIDIA driver on your system is too old (found version 12020). Please update it."


@pytest.fixture
def unusable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A GPU whose driver is older than this torch wants."""

    def init() -> None:
        raise RuntimeError(f"{TOO_OLD}\nAnd where.")

    (tmp_path / "0000:00:1e.0").mkdir()
    monkeypatch.setattr(devices, "GPUS", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.version, "cuda", "13.0")


@pytest.mark.parametrize("variables", [{}, {"SM_CURRENT_INSTANCE_TYPE": "ml.m5.large"}])
def test_a_gpu_that_cannot_be_used_is_reported(
    unusable: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
) -> None:
    assert devices.choose(variables).type == "cpu"
    assert (
        "is too old (found version 12020). Please update it; training on" in capsys.readouterr().out
    )
    monkeypatch.setattr(torch.version, "cuda", None)  # a build for CPUs only
    assert devices.choose(variables).type == "cpu"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("instance", ["ml.g4dn.xlarge", "ml.p3.2xlarge", "ml.g6e.48xlarge"])
@pytest.mark.parametrize("built_for", ["13.0", None], ids=["CUDA", "processors"])
def test_a_gpu_instance_whose_gpu_cannot_be_used_is_an_error(
    unusable: None, monkeypatch: pytest.MonkeyPatch, instance: str, built_for: str | None
) -> None:
    monkeypatch.setattr(torch.version, "cuda", built_for)
    with pytest.raises(TrainingError) as refused:
        devices.choose({"SM_CURRENT_INSTANCE_TYPE": instance})
    assert TOO_OLD in str(refused.value)
    assert "CUDA 13 needs driver 580 or newer" in str(refused.value)
    assert str(refused.value).endswith(f"such as ml.m5.xlarge, instead of {instance}")


def test_a_machine_without_a_gpu_may_name_a_gpu_instance(
    unusable: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(devices, "GPUS", tmp_path / "none")
    assert devices.choose({"SM_CURRENT_INSTANCE_TYPE": "ml.g4dn.xlarge"}).type == "cpu"


def test_algorithms_on_a_gpu_are_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch,
        "use_deterministic_algorithms",
        lambda mode, warn_only: told.append((mode, warn_only)),
    )
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is as before afterwards
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    devices.be_deterministic(3)
    assert told == [(True, True)], "warned of, where CUDA has no such way"
    assert torch.backends.cudnn.benchmark is False
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_compiling_where_there_is_no_compiler_is_refused_at_once(
    opt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert train.main(options(compile="true")) == 1
    said = (opt / "output" / "failure").read_text()
    assert "no-such-compiler was not found. Set compile to false" in said


@pytest.mark.parametrize(("device", "variable"), [("cpu", "CXX"), ("cuda", "CC")])
def test_the_compiler_may_be_named_by_a_variable(device: str, variable: str) -> None:
    devices.require_compiler(torch.device(device), {variable: sys.executable})
    with pytest.raises(TrainingError, match="nothing was not found"):
        devices.require_compiler(torch.device(device), {variable: "nothing"})
