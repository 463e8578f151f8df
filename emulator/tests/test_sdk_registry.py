"""The SageMaker SDK's model registry and lineage, used as on AWS."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("sdk_registry.py")


@pytest.mark.slow
def test_the_sdk_registers_versions_and_reads_their_lineage(emulator: Any, tmp_path: Path) -> None:
    client = json.loads(emulator.run("env", "--json").stdout)
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=tmp_path,
        env=os.environ | client,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    version, table, artifact = done.stdout.splitlines()
    assert version == "2"
    assert sorted(json.loads(table.replace("'", '"'))) == [
        ["Input", "Approval", "ContributedTo", "action"],
        ["Input", "Image", "ContributedTo", "artifact"],
        ["Input", "Model", "ContributedTo", "artifact"],
        ["Output", "ModelGroup", "AssociatedWith", "context"],
    ]
    assert artifact == "Model []"
