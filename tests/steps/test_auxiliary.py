"""What the books say beside the count, and its part in a training."""

import re
from pathlib import Path

import network
import pytest
import torch
import train
from training import auxiliary
from training.environment import TrainingError

from tests.steps.tiny_training import HEADER, TINY, options, read, told_of

pytest_plugins = ["tests.steps.tiny_training"]
pytestmark = pytest.mark.usefixtures("one_thread")


def table(folder: Path, lines: str, header: str = HEADER) -> list[Path]:
    """Files of a channel whose table has these lines."""
    (folder / auxiliary.NAME).write_text(header + lines)
    return [folder / "3" / f"{line.split(',')[0]}.jpg" for line in lines.splitlines()]


def parts(row: torch.Tensor) -> list[list[float]]:
    return [part.tolist() for part in row.split([task.outputs for task in auxiliary.TASKS])]


def test_numbers_are_told_apart_up_to_and_more(tmp_path: Path) -> None:
    found = auxiliary.targets(table(tmp_path, "a,1,2,,\nb,9,40,,\n"))
    assert found.shape == (2, auxiliary.OUTPUTS)
    kinds, largest, volume, weight = parts(found[0])
    assert kinds == [0, 1, 0, 0, 0, 0, 0]
    assert largest == [0, 0, 1, 0, 0, 0, 0]
    assert volume == weight == [0] * 8  # not told: nothing to learn
    assert parts(found[1])[0] == parts(found[1])[1] == [0] * 6 + [1]


def test_measures_lie_between_levels(tmp_path: Path) -> None:
    task = auxiliary.TASKS[2]
    told = [2 ** (task.lowest + level * task.step) for level in (0, 2.5, 7, 50)]
    lines = "".join(f"{i},1,1,{volume},0\n" for i, volume in enumerate(told))
    found = [parts(row) for row in auxiliary.targets(table(tmp_path, lines))]
    lowest, between, highest, beyond = (torch.tensor(row[2]) for row in found)
    assert lowest.argmax() == 0
    assert between[2].item() == pytest.approx(between[3].item())
    assert between.argsort(descending=True)[:2].sort().values.tolist() == [2, 3]
    assert highest.argmax() == 7
    assert beyond.tolist() == pytest.approx(highest.tolist())
    assert all(part.sum() == pytest.approx(1) for part in (lowest, between, highest))
    assert found[0][3] == [0] * 8  # nothing weighs nothing: it is not known


@pytest.mark.parametrize(
    ("lines", "header", "says"),
    [
        ("a,1,2,,\n", "id,kinds\n", "items.csv has no column largest, volume, weight"),
        ("b,1,2,,\n", HEADER, "items.csv says nothing of 1 images, such as a"),
        ("a,1,many,,\n", HEADER, "items.csv: largest of a is 'many', not a number"),
    ],
    ids=["columns", "images", "numbers"],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, lines, header, says) -> None:
    table(tmp_path, lines, header)
    with pytest.raises(TrainingError, match=re.escape(says)):
        auxiliary.targets([tmp_path / "3" / "a.jpg"])


def test_the_loss_is_what_the_tasks_lack_by_their_shares(tmp_path: Path) -> None:
    target = auxiliary.targets(table(tmp_path, "a,1,2,,\nb,2,2,,\n"))
    even = torch.zeros(2, auxiliary.OUTPUTS)
    assert auxiliary.loss(even, target).item() == pytest.approx(0.6 * torch.tensor(7.0).log())
    assert auxiliary.loss(1e3 * target, target).item() == pytest.approx(0)
    told = torch.tensor([True] * 14 + [False] * 16)
    assert auxiliary.loss(torch.where(told, even, 9.0), target) == auxiliary.loss(even, target)


@pytest.mark.parametrize("changes", [{}, {"freeze": -1}, {"loss": "coral"}, {"mixup": 0.2}])
def test_what_is_served_answers_the_count_alone(opt: Path, changes) -> None:
    told_of(opt)
    assert train.main(options(auxiliary=0, **changes)) == 0
    plain, alone = read(opt, "model.json"), read(opt, "training.json")["history"]
    assert train.main(options(auxiliary=1, **changes)) == 0
    settings, history = read(opt, "model.json"), read(opt, "training.json")["history"]
    assert settings["outputs"] == plain["outputs"]
    state = torch.load(opt / "model" / "model.pt", weights_only=True)
    network.build(TINY, settings["outputs"]).load_state_dict(state)
    # The losses stay those of the counts, so they can be compared; what was learnt differs.
    assert history[0]["train_loss"] == pytest.approx(alone[0]["train_loss"], rel=0.2)
    assert history[-1]["train_loss"] != alone[-1]["train_loss"]


def test_auxiliary_tasks_are_learnt(opt: Path, monkeypatch) -> None:
    told_of(opt)
    losses = []
    of = auxiliary.loss

    def kept(*given: torch.Tensor) -> torch.Tensor:
        found = of(*given)
        losses.append(found.item())
        return found

    monkeypatch.setattr(auxiliary, "loss", kept)
    assert train.main(options(auxiliary=1, epochs=6, export="none")) == 0
    assert sum(losses[-4:]) < 0.95 * sum(losses[:4])


def test_without_the_table_the_way_out_is_said(opt: Path, capsys) -> None:
    assert train.main(options(auxiliary=1)) == 1
    said = capsys.readouterr().err
    assert "prepare the images again (Prepare writes it), or set auxiliary to 0" in said
