"""Write the scores to a CSV file, with a row for each image."""

import csv
import tempfile
from pathlib import Path

from pipelines.errors import UserError
from pipelines.scoring.scores import Answer, Scores

ANSWER = ("count", "confidence", "expected_count")
MATCH = ("expected_quantity", "match", "match_confidence")


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
    """Write a row for each image, ordered by name; the probabilities in columns p1, p2, ...

    A regular file is replaced only as a whole; to another, such as /dev/stdout, rows are written
    directly.

    Raises:
        TableError: It cannot be written, for example on a full disk.
    """
    answers = scores.answers.values()
    counts = sorted({count for answer in answers for count in answer["probabilities"]}, key=int)
    match = MATCH if any("match" in answer for answer in answers) else ()
    rows = [
        _row(name, scores.answers.get(name), counts, match, scores.failures.get(name, ""))
        for name in sorted([*scores.answers, *scores.failures])
    ]
    head = ["image", *ANSWER, *(f"p{count}" for count in counts), *match, "error"]
    regular = path.is_file() or not path.exists()
    written = path.resolve().with_name(path.name + ".partial") if regular else path
    try:
        with written.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *rows])
        if regular:
            written.replace(path.resolve())
    except OSError as error:
        if regular:
            written.unlink(missing_ok=True)
        raise _cannot_be_written(path, error) from None


def _cannot_be_written(path: Path, error: OSError) -> TableError:
    return TableError(f"--output: {path} cannot be written: {error.strerror}.")


def _row(
    name: str, answer: Answer | None, counts: list[str], match: tuple[str, ...], error: str
) -> list[object]:
    cells: dict[str, object] = {**answer} if answer else {}
    probabilities = answer["probabilities"] if answer else {}
    compared = [cells.get(key, "") for key in match]
    return [
        name,
        *(cells.get(key, "") for key in ANSWER),
        *(probabilities.get(count, "") for count in counts),
        *(str(cell).lower() if isinstance(cell, bool) else cell for cell in compared),
        error,
    ]
