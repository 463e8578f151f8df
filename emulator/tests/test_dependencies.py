"""The package declares what it imports, and nothing else: it is installed alone."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

EMULATOR = Path(__file__).parents[1]
# The program uv is run; Starlette reads forms with python-multipart.
NOT_IMPORTED = {"uv", "python-multipart"}
# boto3 is made of botocore. Without awscrt, checksums are computed by numpy.
NOT_DECLARED = {"botocore", "awscrt"}


def imported() -> set[str]:
    """The packages that the modules import, but for those of type checkers."""
    names, package = set(), EMULATOR / "sagemaker_emulator"
    # What runs in an image has the image's packages.
    files = [file for file in package.rglob("*.py") if "frameworks" not in file.parts]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    types = {name for name in names if name.startswith("types_boto3_")}
    own = {"sagemaker_emulator", *(file.stem for file in files)}  # a script imports its neighbour
    return names - types - own - sys.stdlib_module_names


def test_every_package_that_is_imported_is_declared_and_no_other() -> None:
    project = tomllib.loads((EMULATOR / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[^\w-]", entry)[0] for entry in project["dependencies"]}
    distributions = packages_distributions()
    used = {distributions[name][0].lower() for name in imported() - NOT_DECLARED}
    assert used == declared - NOT_IMPORTED
