"""Tally uses the emulator as any other project would: through its public names alone."""

import ast
import tomllib
from pathlib import Path

import sagemaker_emulator

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = (
    *("desk", "pipelines", "model_registry", "steps"),
    *("benchmarks", "tests", "demo", "notebooks"),
)


def private_imports(source: str) -> list[str]:
    """What a source imports of the emulator beyond its public names, in any form."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found += [name for name in names if name.startswith("sagemaker_emulator.")]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            names = [alias.name for alias in node.names]
            if module.startswith("sagemaker_emulator."):
                found.append(module)
            elif module == "sagemaker_emulator":
                found += [name for name in names if name not in sagemaker_emulator.__all__]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "sagemaker_emulator":
            found += [node.attr] * (node.attr not in sagemaker_emulator.__all__)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Code that another process runs, such as a program for `python -c`.
            found += [node.value] * ("sagemaker_emulator." in node.value)
    return found


def test_private_imports_are_recognised() -> None:
    source = (
        "import sagemaker_emulator.daemon\n"
        "from sagemaker_emulator.errors import StartError\n"
        "from sagemaker_emulator import daemon, up\n"
        "sagemaker_emulator.server\n"
        "sagemaker_emulator.up()\n"
        "run('import sagemaker_emulator.serve')\n"
    )
    assert len(private_imports(source)) == 5


def test_nothing_outside_the_emulator_imports_its_insides() -> None:
    files = [ROOT / "pipeline.py", *(f for room in OUTSIDE for f in (ROOT / room).rglob("*.py"))]
    assert len(files) > 100
    found = {
        str(file.relative_to(ROOT)): names
        for file in files
        if file != Path(__file__) and (names := private_imports(file.read_text()))
    }
    assert found == {}


def test_makefile_uses_the_emulators_command() -> None:
    assert "sagemaker_emulator" not in (ROOT / "Makefile").read_text()


def test_tally_depends_on_the_emulator_as_a_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "sagemaker-emulator" in project["dependencies"]
