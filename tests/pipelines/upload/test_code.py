"""Bundles: the address depends on the content only, not on machine, order or time."""

import ast
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings.model import Settings
from pipelines.upload.code import CONTENTS, STEPS, WATCH_CONTENTS, CodeError, bundles


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A small `steps/`."""
    folder = tmp_path / "steps"
    listed = {name for names in CONTENTS.values() for name in names if name.endswith(".py")}
    for name in sorted(listed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}")
    (folder / "training" / "rules").mkdir(parents=True)
    (folder / "training" / "rules" / "overfit.py").write_text("# a rule")
    (folder / "training" / "__pycache__").mkdir()
    (folder / "training" / "__pycache__" / "data.cpython-311.pyc").write_bytes(b"compiled")
    return folder


def test_a_bundle_has_the_files_of_its_step(steps: Path) -> None:
    found = {name: [path for path, _ in bundle.files] for name, bundle in bundles(steps).items()}
    for name, files in found.items():
        listed = [file for file in CONTENTS[name] if file.endswith(".py")]
        rules = ["training/rules/overfit.py"] * ("training" in CONTENTS[name])
        assert files == sorted([*listed, *rules])
    assert {"train.py", "inference.py", "decision.py"} <= set(found["train"])
    assert "inference.py" not in found["evaluate"]  # the model has its own


def test_time_and_folder_do_not_change_a_bundle(steps: Path, tmp_path: Path) -> None:
    before = bundles(steps)["train"]
    moved = steps.rename(tmp_path / "elsewhere")
    for file in moved.rglob("*"):
        os.utime(file, (1, 1))
    after = bundles(moved)["train"]
    assert (before.sha, before.pack()) == (after.sha, after.pack())


def test_a_changed_file_changes_its_steps_bundle_alone(steps: Path) -> None:
    before = bundles(steps)
    (steps / "evaluate.py").write_text("# changed")
    after = bundles(steps)
    changed = {name for name in before if before[name].sha != after[name].sha}
    assert changed == {"evaluate"}


def test_a_renamed_file_changes_the_bundle(steps: Path) -> None:
    before = bundles(steps)["train"].sha
    (steps / "training" / "rules" / "overfit.py").rename(steps / "training" / "overfit.py")
    assert bundles(steps)["train"].sha != before


def test_the_tarball_can_be_read_by_tar(steps: Path) -> None:
    packed = io.BytesIO(bundles(steps)["train"].pack())
    with tarfile.open(fileobj=packed) as tar:
        assert "train.py" in tar.getnames()
        member = tar.extractfile("train.py")
        assert member and member.read() == b"# train.py"


def test_a_missing_script_is_reported(steps: Path) -> None:
    (steps / "prepare.py").unlink()
    with pytest.raises(CodeError, match=r"prepare\.py"):
        bundles(steps)


def test_a_bundle_is_uploaded_once(aws: Any, local: Settings, steps: Path) -> None:
    s3 = aws.session.client("s3")
    s3.create_bucket(Bucket=local.bucket_name)
    for bundle in bundles(steps).values():
        assert bundle.upload(aws.session, local)
        assert not bundle.upload(aws.session, local)
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=local.bucket_name)["Contents"]]
    train = bundles(steps)["train"].tarball(local)
    assert train == f"s3://{local.bucket_name}/{next(k for k in keys if '/train/' in k)}"
    assert any(key.endswith("/prepare.py") for key in keys)


def test_the_repository_has_every_script() -> None:
    every = {name: {path for path, _ in bundle.files} for name, bundle in bundles().items()}
    assert all(every.values())
    styles = {"styles/base.css", "styles/report.css"}
    assert styles <= every["train"] and styles <= every["evaluate"]


@pytest.mark.parametrize("name", [*CONTENTS, *WATCH_CONTENTS])
def test_a_step_has_every_module_that_it_imports(name: str) -> None:
    files = dict(bundles(contents={**CONTENTS, **WATCH_CONTENTS})[name].files)
    own = {file.stem for file in STEPS.iterdir()}
    shipped = {Path(path).parts[0].removesuffix(".py") for path in files}
    imported = {
        module.partition(".")[0]
        for path, content in files.items()
        if path.endswith(".py")
        for module in imports(ast.parse(content))
    }
    assert name in shipped
    assert imported & own <= shipped


def imports(tree: ast.Module) -> Iterator[str]:
    """The names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
