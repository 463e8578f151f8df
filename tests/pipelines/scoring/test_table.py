"""The CSV file that is written."""

import csv
import resource
from pathlib import Path

import pytest

from pipelines.scoring import table
from pipelines.scoring.scores import Scores


def test_a_failed_write_keeps_the_earlier_file(tmp_path: Path) -> None:
    scores = Scores(1, (), {}, {f"{n}.jpg": "the image is damaged" for n in range(1000)})
    path = tmp_path / "scores.csv"
    path.write_text("the earlier one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # bytes that a file may have
    try:
        with pytest.raises(table.TableError, match=r"scores.csv cannot be written: File too large"):
            table.write(scores, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("scores.csv", "the earlier one")
    ]
    table.write(scores, path)
    assert len(path.read_text().splitlines()) == 1001


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    """As OWASP recommends: an apostrophe before what a spreadsheet would run."""
    names = ["=1+1.jpg", "+1.jpg", "-1.jpg", "@SUM(A1).jpg", "\t=1.jpg", "a=1.jpg", "'=1.jpg"]
    failures = {name: f"={name}" for name in names}
    table.write(Scores(1, (), {}, failures), tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    written = {f"'{name}" if name[0] in "=+-@\t" else name for name in names}
    assert {row["image"] for row in rows} == written
    assert {row["error"] for row in rows} == {f"'={name}" for name in names}
