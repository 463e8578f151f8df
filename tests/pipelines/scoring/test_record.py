"""The CSV file of recorded quantities."""

from pathlib import Path

import pytest

from pipelines.scoring import record


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,quantity\n1.jpg,3\n", "no column expected_quantity"),
        ("image,expected_quantity\n1.jpg,three\n", "line 2: expected_quantity is 'three'"),
        ("image,expected_quantity\n1.jpg\n", "line 2: expected_quantity is ''"),
        ("", "no column expected_quantity and image"),
        ("image,expected_quantity\n1.jpg,3\n1.jpg,4\n", "line 3: 1.jpg is there twice, with 3 and"),
    ],
    ids=["no-column", "not-a-number", "no-quantity", "empty", "two-quantities"],
)
def test_a_wrong_file_of_quantities_is_explained(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "record.csv").write_text(text)
    with pytest.raises(record.RecordError, match=message):
        record.read_record(tmp_path / "record.csv", ["1.jpg"])
