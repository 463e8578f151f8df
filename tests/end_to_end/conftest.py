"""An emulator on free ports with a new state, for the whole pipeline."""

import os
from collections.abc import Iterator

import pytest
from workplace import Workplace


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """Its state is in a temporary folder; the emulator is stopped at the end."""
    from demo.bins import draw

    folder = tmp_path_factory.mktemp("workplace")
    bins = folder / "bins"
    draw(bins, bins=90, seed=1)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PIPELINE_"))},
        "EMULATOR_STATE": str(folder / "state"),
        "EMULATOR_CALLS": str(folder / "calls.jsonl"),
        "COLUMNS": "200",
    }
    workplace = Workplace(folder, bins, environment)
    yield workplace
    workplace.run("emulator", "down", check=None)
