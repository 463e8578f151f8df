"""Write the scores to a CSV file, with a row for each image."""

import csv
import tempfile
from pathlib import Path

from pipelines.errors import UserError
from pipelines.scoring.scores import Answer, Scores, count_name, count_order

VERDICT = ("verdict", "reason", "match_probability", "expected_quantity")
COUNT = ("count", "confidence", "expected_count")
# A spreadsheet takes a cell that begins so for a formula, and runs it: OWASP, "CSV Injection".
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")


class TableError(UserError):
    """The CSV file cannot be written."""


def check_output(path: Path) -> None:
    """Check before the work that a file can be written.

    Raises:
        TableError: It is a folder, its folder does not exist, or it cannot be written.
    """
    if path.is_dir():
        raise TableError(f"--output: {path} is a folder; name a file, such as {path}/scores.csv.")
    if not path.absolute().parent.is_dir():
        raise TableError(f"--output: there is no folder {path.parent} to write {path.name} to.")
    try:
        if path.is_file():
            path.open("a").close()
        elif not path.exists():
            with tempfile.TemporaryFile(dir=path.parent) as probe:
                probe.write(bytes(1))
    except OSError as error:
        raise _cannot_be_written(path, error) from None


def write(scores: Scores, path: Path) -> None:
    """Write a row for each image, the most suspicious first and those without a count last.

    The probabilities are in columns p0, p1, ..., p6+. The columns of the verdict are left out where
    no image has one. A text that a spreadsheet would run as a formula, such as the name of an image
    that begins with `=`, gets an apostrophe before it. A regular file is replaced only as a
    whole; to another, such as /dev/stdout, rows are written directly.

    Raises:
        TableError: It cannot be written, for example on a full disk.
    """
    answers = scores.answers
    counts = sorted({n for one in answers.values() for n in one["probabilities"]}, key=count_order)
    verdict = VERDICT if scores.verdicts else ()
    rows = [_row(name, answers[name], counts, verdict) for name in scores.ranked]
    blank = [""] * (len(verdict) + len(COUNT) + len(counts))
    rows += [[name, *blank, error] for name, error in sorted(scores.failures.items())]
    head = ["image", *verdict, *COUNT, *(f"p{count}" for count in counts), "error"]
    regular = path.is_file() or not path.exists()
    written = path.resolve().with_name(path.name + ".partial") if regular else path
    try:
        with written.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(
                [[no_formula(cell) for cell in row] for row in [head, *rows]]
            )
        if regular:
            written.replace(path.resolve())
    except OSError as error:
        if regular:
            written.unlink(missing_ok=True)
        raise _cannot_be_written(path, error) from None


def _cannot_be_written(path: Path, error: OSError) -> TableError:
    return TableError(f"--output: {path} cannot be written: {error.strerror}.")


def no_formula(cell: object) -> object:
    """A cell that no spreadsheet runs as a formula: one that it would run gets an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _row(name: str, answer: Answer, counts: list[str], verdict: tuple[str, ...]) -> list[object]:
    cells: dict[str, object] = {**answer, "count": count_name(answer)}
    of_verdict = [cells.get(key) for key in verdict]
    return [
        name,
        *("" if cell is None else cell for cell in of_verdict),
        *(cells.get(key, "") for key in COUNT),
        *(answer["probabilities"].get(count, "") for count in counts),
        "",
    ]
