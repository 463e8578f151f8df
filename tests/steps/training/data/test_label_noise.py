"""Labels that are probably wrong: found, shown, and left out by setting."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import train
from tests.steps.tiny_training import bin_image, channel, options, read
from training.data import label_noise
from training.data.images import load_images

pytestmark = pytest.mark.usefixtures("one_thread")
SHIPPED = "efficientnet_lite0"  # the weights that judge labels are in the environment


def seen(labels: np.ndarray, blur: float) -> np.ndarray:
    """Features, of which forty speak for each of five labels, blurred."""
    clear = np.tile(np.eye(5), 40)[labels]
    blurred = (clear + np.random.default_rng(0).normal(0, blur, clear.shape)).astype(np.float32)
    return np.asarray(blurred)


def mislabelled(number: int, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True labels, given labels, and where these differ."""
    chance = np.random.default_rng(1)
    truth = chance.integers(0, 5, number)
    wrong = chance.random(number) < share
    given = np.where(wrong, (truth + chance.integers(1, 5, number)) % 5, truth)
    return truth, given, wrong


def judge(features: np.ndarray, labels: np.ndarray, ids: list[str]) -> label_noise.Judgement:
    judgement = label_noise.judge(features, labels, ids)
    assert judgement is not None
    return judgement


def names(numbers: Iterable[int]) -> list[str]:
    return [f"{number:05}" for number in numbers]


def test_suspects_are_the_labels_that_were_changed() -> None:
    truth, given, wrong = mislabelled(600, 0.1)
    found = judge(seen(truth, 1.0), given, names(range(600)))
    assert len(found.worst) == 30  # 5 % of all
    assert wrong[found.worst].mean() > 0.95
    assert (found.likely == truth[found.worst]).mean() > 0.95
    assert found.flagged == pytest.approx(wrong.sum(), rel=0.2)
    assert found.accuracy > 0.8
    assert (np.diff(found.quality) >= 0).all()


def test_correct_labels_are_not_flagged() -> None:
    truth, _, _ = mislabelled(600, 0)
    found = judge(seen(truth, 1.0), truth, names(range(600)))
    assert found.flagged <= 3


@pytest.mark.parametrize("seed", range(3))
def test_neighbouring_ids_are_in_one_fold(seed: Any) -> None:
    chance = np.random.default_rng(seed)
    numbers = np.flatnonzero(chance.random(3000) < 0.6)  # as many ids as have one to five items
    chance.shuffle(numbers)
    fold = label_noise.folds(names(numbers), chance.integers(0, 5, len(numbers)), seed)
    at = dict(zip(numbers.tolist(), fold.tolist(), strict=True))
    assert all(at[number] == at[number + 1] for number in at if number + 1 in at)
    assert np.bincount(fold, minlength=5).min() > len(numbers) / 10


def test_folds_have_every_label_even_if_ids_are_sorted_by_label() -> None:
    labels = np.repeat(np.arange(5), 100)
    fold = label_noise.folds(names(range(500)), labels)
    assert all(len(np.unique(labels[fold == number])) == 5 for number in range(5))


def test_names_without_a_number_can_be_judged() -> None:
    truth, given, _ = mislabelled(200, 0.1)
    found = judge(seen(truth, 1.0), given, [f"bin-{n}-left" for n in range(200)])
    assert found.accuracy > 0.7


def test_rare_labels_are_not_judged() -> None:
    labels = np.array([0] * 100 + [1] * 100 + [2] * 3 + [9] * 1)
    found = judge(seen(labels % 5, 5.0), labels, names(range(0, 2040, 10)))
    assert found.images == 200
    assert set(labels[found.worst]) <= {0, 1}
    assert set(found.likely) <= {0, 1}
    assert label_noise.judge(seen(labels % 5, 1), labels * 0, names(range(204))) is None


def test_a_label_that_only_one_fold_has_is_not_judged() -> None:
    labels = np.array([0] * 10 + [1] * 400)
    found = label_noise.judge(seen(labels, 1.0), labels, names([*range(10), *range(100, 4100, 10)]))
    assert found is None or set(labels[found.worst]) <= {1}


def test_leaving_out_keeps_half_of_every_label() -> None:
    labels = np.array([0] * 10 + [1] * 5)
    worst = np.array([10, 11, 12, 13, 14, 3])
    assert label_noise.without_emptying(worst, labels).tolist() == [10, 11, 3]


@pytest.fixture
def wrongly_filed(opt: Path) -> set[str]:
    """Images of one, three and five things; six more in the wrong folder."""
    for folder in (opt / "input" / "data" / "train").iterdir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    channel(opt / "input" / "data" / "train", 40)
    for number, (given, true) in enumerate([(1, 5), (5, 1), (1, 3), (3, 1), (5, 3), (3, 5)]):
        name = f"{900 + 3 * number:05}.jpg"
        bin_image(true, number).save(opt / "input" / "data" / "train" / str(given) / name)
    return {f"{900 + 3 * number:05}" for number in range(6)}


def judged(**changes: object) -> list[str]:
    given = {"backbone": SHIPPED, "pretrained": "true", "image_size": 64, "freeze": -1, "epochs": 1}
    return options(**{**given, "batch_size": 32, **changes})


def test_measuring_label_noise_reports_suspects_and_leaves_none_out(
    opt: Path, wrongly_filed: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(judged(label_noise="measure")) == 0
    found = read(opt, "label_noise.json")
    suspects = {suspect["id"] for suspect in found["suspects"]}
    assert suspects <= wrongly_filed
    assert len(suspects) >= 4
    assert {"count", "likely", "quality"} <= set(found["suspects"][0])
    assert found["images"] == 126
    assert found["left_out"] == 0
    assert read(opt, "training.json")["training_images"] == 126
    with Image.open(opt / "model" / "suspects.png") as sheet:
        assert sheet.width > sheet.height > 200
    log = capsys.readouterr().out
    assert re.search(r"label noise: \d+ of 126 labels flagged; .* none left out", log)


def test_leave_out_removes_only_the_suspects(opt: Path, wrongly_filed: set[str]) -> None:
    assert train.main(judged(label_noise="leave-out")) == 0
    found = read(opt, "label_noise.json")
    assert found["left_out"] == len(found["suspects"]) >= 4
    assert read(opt, "training.json")["training_images"] == 126 - found["left_out"]
    assert read(opt, "model.json")["classes"] == [1, 3, 5]


def test_labels_are_not_judged_by_default(opt: Path) -> None:
    assert train.main(options(epochs=1)) == 0
    assert not (opt / "model" / "label_noise.json").exists()


@pytest.mark.parametrize("memory", [None, 0], ids=["in memory", "decoded each time"])
def test_images_of_a_channel_can_be_selected(images: Path, memory: int | None) -> None:
    everything = load_images(images / "train", 32, 1, memory=memory)
    some = everything.only(everything.labels.nonzero().flatten()[::2])
    indices = everything.labels.nonzero().flatten()[::2]
    assert (some.pixels[some.labels.new_tensor([0, 3])] == everything.pixels[indices[[0, 3]]]).all()
    assert some.labels.tolist() == everything.labels[indices].tolist()
    assert [file.stem for file in some.files] == [everything.files[i].stem for i in indices]


def test_a_label_that_somebody_counted_is_no_suspect(opt: Path, wrongly_filed: set[str]) -> None:
    train_dir = opt / "input" / "data" / "train"
    finding = {"recorded_count": 9, "model_count": 9, "contradicts_both": False}
    lines = [
        {"id": file.stem, "count": int(file.parent.name), "items": None,
         "audit": finding if file.stem in wrongly_filed else None}
        for file in train_dir.glob("*/*.jpg")
    ]  # fmt: skip
    (train_dir / "bins.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert train.main(judged(label_noise="leave-out")) == 0
    found = read(opt, "label_noise.json")
    assert found["left_out"] == 0 and found["suspects"] == []


def test_audited_bins_that_contradict_record_and_model_come_first(
    opt: Path, wrongly_filed: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    train_dir = opt / "input" / "data" / "train"
    line = {"id": "00007", "count": 3, "items": None}
    finding = {"recorded_count": 4, "model_count": 5, "contradicts_both": True}
    for file in (train_dir / "1/00007.jpg", train_dir / "5/00007.jpg"):
        file.unlink()  # an id is there once
    (train_dir / "bins.jsonl").write_text(json.dumps({**line, "audit": finding}) + "\n")
    assert train.main(judged(label_noise="leave-out")) == 0
    first, *others = read(opt, "label_noise.json")["suspects"]
    assert first == {"id": "00007", "count": 3, "likely": 5, "quality": None, "audited": True}
    assert others and {suspect["id"] for suspect in others} <= wrongly_filed
    assert not any(suspect["audited"] for suspect in others)
    assert "1 audited bins to look at again" in capsys.readouterr().out
    assert read(opt, "label_noise.json")["left_out"] == len(others)
