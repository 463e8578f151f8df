"""docs/coming-from-the-course.md: its settings file, its command, and what it links to."""

import re
from pathlib import Path

import pytest

from pipelines.settings.layers import load

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "coming-from-the-course.md"
TEXT = PAGE.read_text()


def test_the_settings_file_is_the_courses_search_space(tmp_path: Path) -> None:
    block = re.search(r"^```yaml course\.yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert block
    file = tmp_path / "course.yaml"
    file.write_text(block[1])
    course, aws = load(str(file), {}).tuning, load("aws", {}).tuning
    assert (course.learning_rate.min, course.learning_rate.max) == (0.001, 0.1)
    assert list(course.batch_sizes) == [32, 64, 128, 256, 512]
    assert (course.epochs.min, course.epochs.max) == (2, 10)
    for name in ("learning_rate", "batch_sizes", "epochs"):
        assert getattr(aws, name) == getattr(course, name), "the page says: the same on AWS"


def test_the_page_says_what_the_laptops_search_is() -> None:
    tuning = load("local", {}).tuning
    assert f"{', '.join(map(str, tuning.batch_sizes))} on a laptop" in TEXT
    assert f"{tuning.epochs.min} or {tuning.epochs.max} on a laptop" in TEXT


@pytest.mark.parametrize("name", ["coming-from-the-course.md", "new-project.md"])
def test_every_link_to_a_file_leads_to_one(name: str) -> None:
    page = ROOT / "docs" / name
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert len(links) > 5
    assert [link for link in links if not (page.parent / link).exists()] == []
