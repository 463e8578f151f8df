"""Reads channels for scripts in the image, as AWS's module of this name does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import channels
from .hyperparameters import UserError


def get_content_type(content_type_cfg_val: str | None) -> str:
    """csv, libsvm or parquet, by a channel's content type; LIBSVM if it has none.

    Raises:
        UserError: It is another.
    """
    return channels.format_of(content_type_cfg_val)


def get_dmatrix(
    data_path: str, content_type: str, csv_weights: int = 0, is_pipe: bool = False
) -> Any:
    """The rows below a channel's folder, with their labels, as a DMatrix.

    Args:
        data_path: The folder, or one file.
        content_type: `csv`, `libsvm` or `parquet`, or a content type.
        csv_weights: 1 if the second column of a CSV is the weight of its row.
        is_pipe: Only False: a channel in Pipe mode is not read here.

    Raises:
        UserError: There are no files, they are of another format, or `is_pipe` is set.
    """
    if is_pipe:
        raise UserError(
            "the emulator's get_dmatrix reads no channel in Pipe mode: use File or FastFile"
        )
    return channels.read(Path(data_path), channels.format_of(content_type), bool(csv_weights))
