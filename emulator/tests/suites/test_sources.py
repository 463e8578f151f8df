"""Suites are copied from a clone, at a tag, with what they must have replaced."""

import subprocess
from pathlib import Path

import pytest

from suites.moto_suite import SOURCE as MOTO
from suites.sources import Source, SourceError


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_a.py").write_text('REGION = "eu-central-1"\nCN = "cn-north-1"\n')
    (folder / "other.txt").write_text("")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "a"],
        ["tag", "1.0"],
    ):
        subprocess.run(["git", "-C", folder, *command], check=True)
    return folder


def test_only_the_named_paths_are_copied_with_replacements(clone: Path, tmp_path: Path) -> None:
    source = Source("https://x.example/a", "1.0", ("tests",), MOTO.replacements)

    copy = source.fetch(tmp_path / "cache", clone)

    assert [path.name for path in copy.iterdir()] == ["tests"]
    text = (copy / "tests" / "test_a.py").read_text()
    assert text == 'REGION = "us-east-1"\nCN = "cn-north-1"\n'


def test_a_clone_without_the_tag_is_named(clone: Path, tmp_path: Path) -> None:
    source = Source("https://x.example/a", "2.0", ("tests",))

    with pytest.raises(SourceError, match=r"has no tests at 2\.0"):
        source.fetch(tmp_path / "cache", clone)


def test_without_a_clone_one_is_made_once_and_used_again(clone: Path, tmp_path: Path) -> None:
    source = Source(f"file://{clone}", "1.0", ("tests",))

    source.fetch(tmp_path / "cache", None)
    clone.rename(tmp_path / "gone")
    copy = source.fetch(tmp_path / "cache", None)

    assert (copy / "tests" / "test_a.py").exists()


def test_a_repository_that_cannot_be_cloned_is_named(tmp_path: Path) -> None:
    source = Source(f"file://{tmp_path}/none", "1.0", ("tests",))

    with pytest.raises(SourceError, match=r"cannot be cloned: .*SOURCE=folder"):
        source.fetch(tmp_path / "cache", None)


def test_a_commit_is_fetched_by_its_whole_name(clone: Path, tmp_path: Path) -> None:
    command = ["git", "-C", str(clone), "rev-parse", "HEAD"]
    commit = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip()
    source = Source(f"file://{clone}", commit, ("tests",))

    copy = source.fetch(tmp_path / "cache", None, tmp_path / "copy")

    assert copy == tmp_path / "copy"
    assert (copy / "tests" / "test_a.py").exists()


def test_of_some_clones_the_one_with_the_revision_is_taken(clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)

    assert Source("https://x.example/a", "1.0", ()).clone_with([other, clone]) == clone
    assert Source("https://x.example/a", "2.0", ()).clone_with([other, clone]) is None
