"""The bill of materials of an image: its packages, as they are locked, in CycloneDX."""

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pipelines.errors import UserError
from pipelines.provisioning import container_images, sbom
from pipelines.provisioning.base_images import BaseImage

DIGEST = "sha256:" + "ab" * 32
PINNED = BaseImage("python:3.11-slim", DIGEST)
LOCK = f"""six==1.17.0 \\
    --hash=sha256:{"1" * 64} \\
    --hash=sha256:{"2" * 64}
torch==2.13.0
zipp==4.1.2 \\
    --hash=sha256:{"3" * 64}
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(LOCK)
    return file


def bill(lock: Path, base: BaseImage = PINNED) -> dict[str, Any]:
    text = sbom.render("tally-x:1", lock, base, {"six": "MIT", "zipp": "Some own licence"})
    document: dict[str, Any] = json.loads(text)
    return document


def test_a_bill_has_each_package_with_its_licence_and_hashes(lock: Path) -> None:
    six, torch, zipp = (one for one in bill(lock)["components"] if one["type"] == "library")
    assert (six["name"], six["version"], six["purl"]) == ("six", "1.17.0", "pkg:pypi/six@1.17.0")
    assert [one["content"] for one in six["hashes"]] == ["1" * 64, "2" * 64]
    assert six["licenses"][0]["license"]["id"] == "MIT"
    assert zipp["licenses"][0]["license"]["name"] == "Some own licence"
    assert "hashes" not in torch and "licenses" not in torch


def test_a_bill_names_the_image_and_its_base(lock: Path) -> None:
    document = bill(lock)
    described = document["metadata"]["component"]
    assert (described["type"], described["name"], described["version"]) == (
        "container", "tally-x", "1",
    )  # fmt: skip
    (base,) = (one for one in document["components"] if one["type"] == "container")
    assert (base["name"], base["version"]) == ("python:3.11-slim", DIGEST)
    (loose,) = (
        one
        for one in bill(lock, BaseImage("python:3.11-slim", ""))["components"]
        if one["type"] == "container"
    )
    assert loose["properties"] == [{"name": "tally:base", "value": "not pinned"}]


def test_a_bill_is_valid_and_the_same_each_time(lock: Path) -> None:
    texts = {json.dumps(bill(lock)) for _ in range(2)}
    assert len(texts) == 1
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(texts.pop()) is None


def test_every_package_of_our_images_is_in_its_bill() -> None:
    for name in container_images.NAMES:
        lock = container_images.CONTAINERS / f"tally-{name}" / "requirements.txt"
        assert len(sbom.packages(lock)) == lock.read_text().count("==")


def test_a_package_that_is_not_as_it_was_locked_is_refused(lock: Path) -> None:
    """uv compares the hashes, so a bill is never of other files."""
    lock.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(UserError, match="cannot be fetched:") as refusal:
        sbom.licences(lock)
    assert f"Expected:\n           sha256:{'0' * 64}" in str(refusal.value)
