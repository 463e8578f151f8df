"""Apply every change that docs/change-something.md shows to a copy, and check what it promises."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import evaluation_report
from pipelines.settings.layers import load

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/change-something.md").read_text()
COPIED = ("pipeline.py", "pipelines", "model_registry", "steps", "containers", "requirements.txt")
STEPS_PYTHON = ROOT / ".venv-steps/bin/python"


def block(name: str) -> str:
    """The fenced block of the page whose info string ends with a name."""
    match = re.search(rf"^```\w* {re.escape(name)}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert match, f"docs/change-something.md has no block {name}"
    return match[1]


@pytest.fixture
def changed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the repository with the diff of that name applied."""
    if not shutil.which("git"):
        pytest.skip("git is not installed; it applies the diffs")
    copy = tmp_path / "tally"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=ignored)
        else:
            copy.mkdir(exist_ok=True)
            shutil.copy(source, copy / name)
    command = ["git", "apply", "--unidiff-zero", "-"]
    applied = subprocess.run(
        command, cwd=copy, input=block(request.param), capture_output=True, text=True
    )
    assert applied.returncode == 0, applied.stderr
    return copy


def run(python: Path | str, code: str, folder: Path) -> str:
    """What a program prints that runs in a copy."""
    if not Path(python).exists():
        pytest.skip("the environment of the steps is not there; make test builds it")
    paths = [str(folder), str(folder / "steps")]
    program = f"import sys; sys.path[:0] = {paths!r}\n{code}"
    done = subprocess.run([python, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def definition(folder: Path) -> dict[str, dict[str, object]]:
    """The steps of the compiled definition, by name."""
    code = """
from pipelines import definition
from pipelines.settings.layers import load
from pipelines.provisioning.container_images import tags
from pipelines.upload.code import bundles
print(definition.build(load("local", {}).resolved("1" * 12, tags()), bundles()))
"""
    steps = json.loads(run(sys.executable, code, folder).splitlines()[-1])["Steps"]
    return {step["Name"]: step for step in steps}


@pytest.mark.parametrize("changed", ["hyperparameter"], indirect=True)
def test_a_hyperparameter_reaches_the_jobs_from_three_files(changed: Path) -> None:
    assert block("hyperparameter").count("\n+++ ") == 3
    train = definition(changed)["Train"]["Arguments"]
    assert isinstance(train, dict)
    assert train["HyperParameters"]["max-gradient"] == "5.0"
    code = """
from training.environment import TrainingError
from training.hyperparameters import parse
print(parse(["--max-gradient", "1"]).max_gradient)
try:
    parse(["--max-gradient", "0"])
except TrainingError as error:
    print(error)
"""
    value, refused = run(STEPS_PYTHON, code, changed).splitlines()
    assert value == "1.0"
    assert "max-gradient" in refused


@pytest.mark.parametrize("changed", ["metric"], indirect=True)
def test_a_metric_is_one_entry_that_the_reader_of_the_displays_gets(changed: Path) -> None:
    code = """
import json
import numpy as np
from evaluation import metrics
from evaluation.predictions import Predictions
truth = np.array([1, 2, 3, 4, 5, 1])
answer = np.array([1, 2, 3, 4, 1, 3])
even = np.full(6, 0.2)
predictions = Predictions(
    (), (1, 2, 3, 4, 5), truth, answer, even, even, np.full(6, 3.0), np.full((6, 5), 0.2)
)
print(json.dumps(metrics.describe(predictions, {})))
"""
    report = evaluation_report.read(json.loads(run(STEPS_PYTHON, code, changed)))
    (metric,) = (metric for metric in report.metrics if metric.label == "within two")
    assert metric.short == "83.3 %"
    assert metric.interval.endswith("%")


@pytest.mark.parametrize("changed", ["step"], indirect=True)
def test_a_step_is_in_the_definition_after_prepare(changed: Path) -> None:
    step = definition(changed)["Describe"]
    assert step["Type"] == "Processing"
    assert "Steps.Prepare" in json.dumps(step["Arguments"])
    assert "describe.py" in json.dumps(step["Arguments"])


def test_a_settings_file_of_two_lines_changes_the_backbone(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(block("my.yaml"))
    assert load(str(file), {}).training.backbone == "efficientnet_lite2"
    assert load(str(file), {}).data == load("local", {}).data
