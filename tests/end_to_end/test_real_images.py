"""The same pipeline on sixty real bin images, where somebody has put them on this machine."""

import os
from pathlib import Path

import pytest
from workplace import ROOT, Workplace

ABID = Path(os.environ.get("TALLY_ABID", ROOT.parent / "shared" / "abid")) / "aft-vbi-pds"


@pytest.mark.skipif(
    not (ABID / "bin-images").is_dir(),
    reason=f"no real bin images at {ABID}; set TALLY_ABID to the folder that holds aft-vbi-pds",
)
def test_the_pipeline_registers_a_model_of_sixty_real_images(workplace: Workplace) -> None:
    workplace.run("upsert")
    none = "s3://tally-us-east-1-123456789012/tally/no-model/"
    status = workplace.start(DataSource=str(ABID), SubsetSize="60", ApprovedModel=none)

    assert status["status"] == "Succeeded"
    assert status["metrics"]["tally"]["test_images"] >= 5
    assert status["model_package_arn"]
