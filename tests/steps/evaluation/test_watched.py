"""The baseline that Evaluate writes for the watch step."""

from collections import Counter
from pathlib import Path

import pytest

import evaluate
from tests.steps.evaluation.planned_bins import PLAN, read
from watching import baseline, measures


@pytest.fixture(scope="module")
def written(planned_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("opt") / "output" / "evaluation"
    evaluate.evaluate(planned_inputs, output, 20)
    return output


def test_the_baseline_counts_the_answers_by_true_count(written: Path) -> None:
    found = baseline.read(read(written, "baseline.json"))
    assert (found.images, found.classes) == (20, ("1", "3", "5"))
    pairs = Counter((str(count), str(answer)) for count, answer, _ in PLAN)
    table = found.tables[measures.COUNT]
    assert {
        (count, name): number
        for count, row in table.counts.items()
        for name, number in zip(table.names, row, strict=True)
        if number
    } == pairs
    assert found.accuracy == {"photo": (13, 20), "with_items": (0, 0)}


def test_every_photo_is_in_one_bin_of_every_number(written: Path) -> None:
    found = baseline.read(read(written, "baseline.json"))
    numbers = [one.name for one in measures.MEASURES if one.number]
    assert set(numbers) <= set(found.tables)
    for name in numbers:
        table = found.tables[name]
        assert sum(map(sum, table.counts.values())) == 20
        assert len(table.names) == len(table.edges) + 1
        assert table.middle[0] <= table.middle[1] <= table.middle[2]


def test_it_knows_how_often_answers_differ_from_right_records(written: Path) -> None:
    table = baseline.read(read(written, "baseline.json")).tables[measures.AGREEMENT]
    differ = table.names.index(measures.DIFFERS)
    assert sum(row[differ] for row in table.counts.values()) == 7  # PLAN has 7 wrong answers


def test_the_same_baseline_is_found_by_the_models_id(written: Path) -> None:
    (file,) = (written.parent / baseline.FOLDER).iterdir()
    assert file.stem == read(written, "baseline.json")["model"]
    assert file.read_bytes() == (written / baseline.FILE).read_bytes()


def test_a_baseline_of_another_version_is_refused_with_what_to_do(written: Path) -> None:
    document = read(written, "baseline.json") | {"version": 9}
    with pytest.raises(baseline.BaselineError, match=r"version is 9, and only 1 .* run Evaluate"):
        baseline.read(document)
    del document["tables"]
    with pytest.raises(baseline.BaselineError):
        baseline.read(document | {"version": 1})


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        ([640.0] * 50, [0, 50, 0]),  # all of one size: another size is in a bin of its own
        (list(range(40)), [10, 10, 10, 10]),
        ([1.0] * 30 + [2.0] * 10, [0, 30, 10]),
    ],
)
def test_bins_are_of_about_equal_size_and_never_divide_one_value(
    values: list[float], sizes: list[int]
) -> None:
    edges = baseline.edges_of(values, 4)
    table = baseline.Table(("",) * (len(edges) + 1), {}, edges)
    counted = Counter(table.index(float(value)) for value in values)
    assert [counted[index] for index in range(len(edges) + 1)] == sizes
