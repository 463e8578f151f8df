"""Channels of images: kept in memory where they fit, else decoded in each epoch, all the same."""

import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

import train
from tests.steps.tiny_training import METRICS, options
from training.data.decoder import Decoder
from training.data.images import load_images
from training.environment import TrainingError
from training.loop.checkpoints import Checkpoints
from training.machine import capacity

pytestmark = pytest.mark.usefixtures("one_thread")


def seconds_left_out(printed: str) -> list[tuple[str, ...]]:
    return [found[:6] for found in METRICS.findall(printed)]


@pytest.mark.parametrize("workers", [1, 4])
def test_pixels_are_the_same_from_memory_and_from_files(images: Path, workers: int) -> None:
    kept = load_images(images / "train", 32, workers)
    decoded = load_images(images / "train", 32, workers, memory=0)
    assert isinstance(kept.pixels, torch.Tensor) and isinstance(decoded.pixels, Decoder)
    some = torch.tensor([7, 0, 35, 7])
    assert torch.equal(kept.pixels[some], decoded.pixels[some])
    order = list(torch.randperm(36, generator=torch.Generator().manual_seed(1)).split(5))
    for left, right, batch in zip(kept.stream(order), decoded.stream(order), order, strict=True):
        assert torch.equal(left[0], batch) and torch.equal(right[0], batch)
        assert torch.equal(left[1], right[1])


def test_a_channel_is_kept_in_memory_if_it_fits(images: Path) -> None:
    whole = 36 * 3 * 32 * 32
    assert isinstance(load_images(images / "train", 32, 2, memory=whole).pixels, torch.Tensor)
    assert isinstance(load_images(images / "train", 32, 2, memory=whole - 1).pixels, Decoder)


def test_a_training_larger_than_memory_takes_the_same_steps(
    opt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(options()) == 0
    kept = torch.load(opt / "model" / "model.pt", weights_only=True)
    expected = seconds_left_out(capsys.readouterr().out)
    monkeypatch.setattr("training.data.images.MEMORY_SHARE", 0)
    assert train.main(options()) == 0
    printed = capsys.readouterr().out
    assert "decoded again in each epoch" in printed
    assert seconds_left_out(printed) == expected
    again = torch.load(opt / "model" / "model.pt", weights_only=True)
    assert all(torch.equal(kept[name], again[name]) for name in kept)


def test_a_training_larger_than_memory_resumes_without_a_difference(
    opt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.data.images.MEMORY_SHARE", 0)
    (opt / "checkpoints").mkdir()
    assert train.main(options()) == 0
    whole = seconds_left_out(capsys.readouterr().out)
    whole_weights = torch.load(opt / "model" / "model.pt", weights_only=True)
    (opt / "checkpoints" / "checkpoint.pt").unlink()

    save, saved = Checkpoints.save, list[int]()

    def save_once(checkpoints: Checkpoints, epoch: int, state: dict[str, Any]) -> None:
        save(checkpoints, epoch, state)
        saved.append(epoch)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Checkpoints, "save", save_once)
        train.main(options())
    capsys.readouterr()
    assert saved == [1]
    assert train.main(options()) == 0
    printed = capsys.readouterr().out
    assert "resumed after epoch 1 of 2" in printed
    assert seconds_left_out(printed) == whole
    again = torch.load(opt / "model" / "model.pt", weights_only=True)
    assert all(torch.equal(whole_weights[name], again[name]) for name in again)


def test_a_damaged_file_of_a_large_channel_is_named(images: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(images / "train", tmp_path / "train"))
    file = folder / "3" / "00004.jpg"
    file.write_bytes(file.read_bytes()[:300])
    damaged = load_images(folder, 32, 2, memory=0)
    with pytest.raises(TrainingError, match=r"3/00004\.jpg cannot be read as an image"):
        list(damaged.stream(torch.arange(36).split(6)))


def test_closing_a_stream_ends_its_threads(images: Path) -> None:
    import threading

    stream = load_images(images / "train", 32, 2, memory=0).stream(torch.arange(36).split(2))
    next(stream)
    assert isinstance(stream, Generator)
    assert any(thread.name.startswith("decode") for thread in threading.enumerate())
    stream.close()
    assert not any(thread.name.startswith("decode") for thread in threading.enumerate())


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_has_the_memory_of_its_limit(tmp_path: Path, version: int) -> None:
    (tmp_path / "memory").mkdir()
    limit, use, stat, cached = capacity.CGROUP_FILES[2 - version]
    (tmp_path / limit).write_text("3000000\n")
    (tmp_path / use).write_text("2500000\n")
    (tmp_path / stat).write_text(f"anon 5\n{cached} 700000\n")
    assert capacity.available(tmp_path) == 1_200_000


def test_without_a_limit_the_machines_memory_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    assert capacity.available(tmp_path) > 10_000_000


def test_processes_of_one_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "available", lambda: 1200)
    assert capacity.available_to_each({"LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}) == 300
    assert capacity.available_to_each({}) == 1200
