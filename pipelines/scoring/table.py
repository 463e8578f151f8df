"""The scores as a CSV file, and the quantities that the books expect, read from one."""

import csv
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pipelines.errors import UserError
from pipelines.scoring.answers import Scores, matched

ANSWER = ("count", "confidence", "expected_count")
MATCH = ("expected_quantity", "match", "match_confidence")


class TableError(UserError):
    """A CSV file cannot be read or written."""


def check_output(path: Path) -> Path:
    """The file to write, if it can be written: said before the work, not after it.

    Raises:
        TableError: It is a folder, its folder does not exist, or nothing can be written there.
    """
    path = path.expanduser()
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
        raise TableError(f"--output: {path} cannot be written: {error.strerror}.") from None
    return path


def read_expected(path: Path, images: Collection[str]) -> dict[str, int]:
    """The expected quantity by image, of a CSV with the columns image and expected_quantity.

    Args:
        path: The file. Images that it names and that are not counted are passed over.
        images: The names of the images that will be counted.

    Raises:
        TableError: There is no such file, a column is missing, a quantity is no whole number, an
            image has two of them, or none of the images is named.
    """
    path = path.expanduser()
    if not path.is_file():
        raise TableError(f"--expected: there is no file {path}.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = {"image", "expected_quantity"} - set(rows.fieldnames or ())
            if missing:
                raise TableError(
                    f"--expected: {path} has no column {' and '.join(sorted(missing))}; its first "
                    "line must name image and expected_quantity."
                )
            expected: dict[str, int] = {}
            for row in rows:
                text = (row["expected_quantity"] or "").strip()
                if not (text.isascii() and text.isdigit()):
                    raise TableError(
                        f"--expected: {path}, line {rows.line_num}: expected_quantity is "
                        f"{text!r}; give a whole number from 0."
                    )
                if expected.setdefault(row["image"], int(text)) != int(text):
                    raise TableError(
                        f"--expected: {path}, line {rows.line_num}: {row['image']} is there twice, "
                        f"with {expected[row['image']]} and with {text}; give one quantity."
                    )
    except (UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"--expected: {path} is not a CSV file in UTF-8: {error}.") from None
    if not expected.keys() & set(images):
        raise TableError(
            f"--expected: {path} names none of the images. Its column image must hold paths below "
            f"the folder, such as {min(images)}."
        )
    return expected


def join(scores: Scores, expected: dict[str, int]) -> Scores:
    """The scores with the match of every image whose quantity is expected."""
    answers = {
        name: matched(answer, expected[name]) if name in expected else answer
        for name, answer in scores.answers.items()
    }
    return Scores(scores.version, scores.jobs, answers, scores.failures)


def write(scores: Scores, path: Path) -> None:
    """Write a row for each image, in the order of their names; probabilities as p1, p2, ...

    A file is written whole or stays as it was; what is none, such as /dev/stdout, as it comes.

    Raises:
        TableError: It cannot be written, on a full disk for one.
    """
    answers = scores.answers.values()
    counts = sorted({count for answer in answers for count in answer["probabilities"]}, key=int)
    match = MATCH if any("match" in answer for answer in answers) else ()
    rows = [
        _row(name, scores.answers.get(name), counts, match, scores.failures.get(name, ""))
        for name in sorted([*scores.answers, *scores.failures])
    ]
    head = ["image", *ANSWER, *(f"p{count}" for count in counts), *match, "error"]
    whole = path.is_file() or not path.exists()
    place = path.resolve().with_name(path.name + ".partial") if whole else path
    try:
        with place.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *rows])
        if whole:
            place.replace(path.resolve())
    except OSError as error:
        if whole:
            place.unlink(missing_ok=True)
        raise TableError(f"--output: {path} cannot be written: {error.strerror}.") from None


def _row(
    name: str,
    answer: dict[str, Any] | None,
    counts: list[str],
    match: tuple[str, ...],
    error: str,
) -> list[Any]:
    answer = answer or {}
    shares = answer.get("probabilities", {})
    cells = [answer.get(key, "") for key in ANSWER]
    verdict = [answer.get(key, "") for key in match]
    plain = [str(cell).lower() if isinstance(cell, bool) else cell for cell in verdict]
    return [name, *cells, *(shares.get(count, "") for count in counts), *plain, error]
