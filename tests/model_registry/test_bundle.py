"""`model_registry/` is what the promotion function runs, and nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.root import ROOT

FILES = sorted((ROOT / "model_registry").glob("*.py"))


def test_the_function_imports_every_module() -> None:
    code = (
        "import sys, model_registry.lambda_handler;"
        "print(*(name for name in sys.modules if name.startswith('model_registry')))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    modules = {f"model_registry.{file.stem}" for file in FILES} - {"model_registry.__init__"}
    assert set(done.stdout.split()) == modules | {"model_registry"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_bundle_imports_only_boto3_and_the_standard_library(file: Path) -> None:
    allowed = {*sys.stdlib_module_names, "boto3", "botocore", "model_registry"}
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    types = {name for name in imported if name.startswith("types_boto3")}  # for type checking only
    assert imported - types <= allowed


def test_the_function_uses_every_definition() -> None:
    defined, used = {"handler"}, {"handler"}
    for file in FILES:
        tree = ast.parse(file.read_text())
        defined |= {node.name for node in tree.body if hasattr(node, "name")}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                used.add(node.id)
            elif isinstance(node, ast.Attribute):
                used.add(node.attr)
    assert defined - used == set()
