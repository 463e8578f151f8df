"""The page of all operations is what the code says."""

from pathlib import Path

import operations_page
from sagemaker_emulator.sagemaker.pipelines.language.step_types import SUPPORTED

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "emulator-operations.md"


def _row(name: str) -> list[str]:
    rows = [line for line in operations_page.text().splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in rows[0].strip("|").split("|")]


def test_the_page_in_docs_is_up_to_date() -> None:
    assert _PAGE.read_text() == operations_page.text(), "make operations-page writes it"


def test_each_member_is_in_one_column_with_all_below_it() -> None:
    _, honours, keeps, refuses = _row("CreateModelPackageGroup")

    assert honours == "ModelPackageGroupName, ModelPackageGroupDescription, Tags"
    assert (keeps, refuses) == ("", "ManagedConfiguration")


def test_a_member_that_is_honoured_in_part_is_named_by_its_parts() -> None:
    _, honours, keeps, _ = _row("CreateTransformJob")

    assert "TransformOutput.S3OutputPath" in honours.split(", ")
    assert "TransformOutput.KmsKeyId" in keeps.split(", ")


def test_every_step_type_that_runs_is_described() -> None:
    assert {name for name in SUPPORTED if _row(name)} == set(SUPPORTED)
