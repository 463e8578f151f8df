"""The SageMaker SDK's model registry and lineage, used as on AWS."""

import json
from pathlib import Path
from typing import Any

import pytest
from sdk_scripts import run_script


@pytest.mark.slow
def test_the_sdk_registers_versions_and_reads_their_lineage(emulator: Any, tmp_path: Path) -> None:
    done = run_script(emulator, "sdk_registry.py", tmp_path)
    version, table, artifact = done.stdout.splitlines()
    assert version == "2"
    assert sorted(json.loads(table.replace("'", '"'))) == [
        ["Input", "Approval", "ContributedTo", "action"],
        ["Input", "Image", "ContributedTo", "artifact"],
        ["Input", "Model", "ContributedTo", "artifact"],
        ["Output", "ModelGroup", "AssociatedWith", "context"],
    ]
    assert artifact == "Model []"
