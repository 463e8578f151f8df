"""The programs of the framework images run in the oldest Python that an image allows."""

import ast
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from sagemaker_emulator.containers import environment, framework_images

OLDEST = (3, 9)  # its private layer needs it, too
NEWER_MODULES = {"tomllib", "wsgiref.types"}  # of the standard library, since 3.11
PROGRAMS = sorted(
    path
    for pattern in ("*.py", "bin/*")
    for path in framework_images.FOLDER.rglob(pattern)
    if path.is_file()
)


def test_images_allow_no_older_python() -> None:
    ranges = list(framework_images.FOLDER.rglob("python.txt"))
    assert ranges
    for path in ranges:
        assert "3.8.99" not in SpecifierSet(path.read_text().strip()), path


@pytest.mark.parametrize(
    "path",
    [*PROGRAMS, Path(environment.__file__).with_name("private_layer.py")],
    ids=lambda path: "/".join(path.parts[-3:]),
)
def test_program_needs_no_newer_python(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=OLDEST)
    imported = {
        name
        for statement in tree.body  # those for the type checker alone are deeper
        for name in _names(statement)
    }
    assert not imported & NEWER_MODULES
    if "__future__" not in imported:  # else annotations are not evaluated
        unions = [ast.unparse(each) for each in _annotations(tree) if _has_union(each)]
        assert not unions


def _names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.ImportFrom):
        return [statement.module or ""]
    return [each.name for each in statement.names] if isinstance(statement, ast.Import) else []


def _annotations(tree: ast.AST) -> list[ast.expr]:
    found = (
        getattr(node, attribute, None)
        for node in ast.walk(tree)
        for attribute in ("annotation", "returns")
    )
    return [each for each in found if isinstance(each, ast.expr)]


def _has_union(annotation: ast.expr) -> bool:
    return any(isinstance(node, ast.BinOp) for node in ast.walk(annotation))
