"""Tuning jobs over stand-in training jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_bench import Bench, open_bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    opened = open_bench(tmp_path, monkeypatch)
    yield opened
    opened.stop_services()
