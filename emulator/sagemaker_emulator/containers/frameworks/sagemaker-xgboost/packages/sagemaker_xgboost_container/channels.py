"""Reads the channels `train` and `validation` of XGBoost's built-in algorithm.

Contract: "Input/Output Interface for the XGBoost algorithm" of the SageMaker developer guide: the
label first, no header; without a content type, LIBSVM.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from pathlib import Path
from typing import Any

import xgboost

from .hyperparameters import UserError

_FORMATS = {
    **dict.fromkeys(("csv", "text/csv"), "csv"),
    **dict.fromkeys(("libsvm", "text/libsvm", "text/x-libsvm"), "libsvm"),
    **dict.fromkeys(("parquet", "application/x-parquet"), "parquet"),
}


def format_of(content_type: str | None) -> str:
    """csv, libsvm or parquet, by a content type with or without parameters.

    Raises:
        UserError: It is another.
    """
    if not content_type:
        return "libsvm"
    kind, *parameters = (part.strip() for part in content_type.lower().split(";"))
    if kind not in _FORMATS:
        raise UserError(
            f"{content_type} is not an accepted ContentType of the emulator's XGBoost: "
            f"{', '.join(_FORMATS)}."
        )
    wrong = [part for part in parameters if part.startswith("label_size") and part[-2:] != "=1"]
    if _FORMATS[kind] == "csv" and wrong:
        raise UserError(
            f"{content_type} is not an accepted csv ContentType. "
            "Optional parameter label_size must be equal to 1"
        )
    return _FORMATS[kind]


def read(folder: Path, kind: str, csv_weights: bool) -> xgboost.DMatrix:
    """The rows of all files below a channel's folder, with their labels.

    Args:
        folder: The channel's, or one file.
        kind: csv, libsvm or parquet.
        csv_weights: Whether the second column of a CSV is the weight of its row.

    Raises:
        UserError: There are no files, or they are of another format.
    """
    files = [
        path
        for path in ([folder] if folder.is_file() else sorted(folder.rglob("*")))
        if path.is_file() and not path.name.startswith((".", "_"))
    ]
    if not files:
        raise UserError(f"No data in {folder.name} channel path {folder}")
    try:
        return _libsvm(files) if kind == "libsvm" else _table(files, kind, csv_weights)
    except (ValueError, OSError, xgboost.core.XGBoostError) as error:
        raise UserError(f"Failed to load {kind} data with exception:\n{error}") from None


def _table(files: list[Path], kind: str, csv_weights: bool) -> xgboost.DMatrix:
    import pandas

    if kind == "csv":
        delimiter = delimiter_of(files[0].open(errors="ignore").readline())
        tables = [pandas.read_csv(file, header=None, sep=delimiter) for file in files]
    else:
        tables = [pandas.read_parquet(file) for file in files]
    rows: Any = pandas.concat(tables, ignore_index=True).to_numpy(dtype="float32")
    if rows.shape[1] < 2 + csv_weights:
        raise ValueError("each row needs its label and at least one feature")
    weights = rows[:, 1] if csv_weights else None
    return xgboost.DMatrix(rows[:, 1 + csv_weights :], label=rows[:, 0], weight=weights)


def delimiter_of(line: str) -> str:
    """The delimiter of a CSV by its first line, as AWS's image guesses it; a comma in doubt."""
    try:
        delimiter = csv.Sniffer().sniff(line[:512]).delimiter
    except csv.Error:
        return ","
    return "," if delimiter.isalnum() or delimiter == "." else delimiter


def _libsvm(files: list[Path]) -> xgboost.DMatrix:
    with tempfile.NamedTemporaryFile() as together:
        for file in files:
            with file.open("rb") as part:
                shutil.copyfileobj(part, together)
            together.write(b"\n")
        together.flush()
        return xgboost.DMatrix(f"{together.name}?format=libsvm")
