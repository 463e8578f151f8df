"""The file list."""

import json
from pathlib import Path

from tests.steps.small_source import manifest, run


def test_the_count_of_the_metadata_is_used_where_the_file_list_differs(
    source: Path, root: Path, tmp_path: Path
) -> None:
    listed = {str(c): [f"data/metadata/{n:05d}.json" for n in range(1, 61) if 1 + n % 3 == c]
              for c in (1, 2, 3)}  # fmt: skip
    listed["2"].append(listed["1"].pop())
    listed["3"].append("data/metadata/99999.json")
    file = tmp_path / "file_list.json"
    file.write_text(json.dumps(listed))
    assert run(source, "--file-list", str(file)) == 0
    found = manifest(root)
    assert found["disagreements"] == [{"id": "00060", "listed": 2, "count": 1}]
    assert found["listed_but_absent"] == 1
    assert {image["id"]: image["count"] for image in found["images"]}["00060"] == 1
