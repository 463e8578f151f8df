"""A project made of the template: its files, and its pipeline from pictures to an answer."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from copier import run_copy
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template"


def make(folder: Path, **answers: str) -> Path:
    """A project of the template, with the defaults of questions that are not answered."""
    run_copy(str(TEMPLATE), folder, data=answers, defaults=True, quiet=True)
    return folder


@dataclass(frozen=True)
class Project:
    """A project and an emulator of its own."""

    folder: Path

    def run(self, *words: str, check: int = 0) -> str:
        """What a program of the project prints, on both streams."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={**variables, "EMULATOR_STATE": str(self.folder / ".emulator")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=280,
        )
        assert done.returncode == check, f"{words}\n{done.stdout}"
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(make(tmp_path_factory.mktemp("new") / "shapes"))
    yield project
    project.run("-m", "sagemaker_emulator", "down")


def test_the_project_is_formatted_and_passes_its_own_linter(project: Project) -> None:
    project.run("-m", "ruff", "check", "--no-cache", ".")
    project.run("-m", "ruff", "format", "--no-cache", "--check", ".")


def test_mistakes_before_the_first_upsert_are_answered_with_what_to_do(project: Project) -> None:
    nothing = project.run("pipeline.py", "start", check=1)
    assert "There are no pictures in data" in nothing and "draw_samples.py" in nothing
    refused = project.run("pipeline.py", "start", "-p", "Epochs", check=1)
    assert "-p takes NAME=VALUE, such as Epochs=8, not Epochs" in refused
    assert "python pipeline.py start" in project.run("pipeline.py", "approve", check=1)
    assert "choose local or aws" in project.run("pipeline.py", "upsert", "--target", "x", check=1)


def test_an_unknown_setting_is_refused_by_its_name(tmp_path: Path) -> None:
    project = Project(make(tmp_path / "shapes"))
    with (project.folder / "settings.yaml").open("a") as file:
        file.write("  epoch: 3\n")  # below aws
    refused = project.run("pipeline.py", "definition", "--target", "aws", check=1)
    assert "settings.yaml" in refused and "\nepoch\n" in refused


def test_a_settings_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    project = Project(make(tmp_path / "shapes"))
    (project.folder / "settings.yaml").write_text("name: [shapes\n")
    refused = project.run("pipeline.py", "definition", check=1)
    assert "settings.yaml cannot be used" in refused
    (project.folder / "settings.yaml").write_text("name: shapes\n")
    assert "region" in project.run("pipeline.py", "definition", check=1)


def test_the_definition_is_identical_in_two_builds(project: Project) -> None:
    """By the project's own tests."""
    assert "2 passed" in project.run("-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_the_definition_for_aws_has_its_settings_and_account(project: Project) -> None:
    account = "1" * 12
    text = project.run("pipeline.py", "definition", "--target", "aws", "--account", account)
    train = next(one["Arguments"] for one in json.loads(text)["Steps"] if one["Name"] == "Train")
    assert train["ResourceConfig"]["InstanceType"] == "ml.g4dn.xlarge"
    assert train["HyperParameters"]["image-size"] == "224"
    assert train["RoleArn"] == f"arn:aws:iam::{account}:role/shapes-execution"
    image = train["AlgorithmSpecification"]["TrainingImage"]
    assert image.startswith(f"{account}.dkr.ecr.us-east-1.amazonaws.com/shapes/classifier:")


def test_the_pipeline_runs_from_drawn_pictures_to_the_endpoints_answer(project: Project) -> None:
    assert "180 pictures of circle, square, triangle" in project.run("draw_samples.py")
    Path(project.folder, "data", "circle", "damaged.jpg").write_bytes(b"no picture")
    Image.new("RGB", (9, 9)).save(project.folder / "data/circle/other.jpg", format="GIF")
    assert "created arn:aws:sagemaker:" in project.run("pipeline.py", "upsert")
    settings = ["-p", "Epochs=2", "-p", "AccuracyThreshold=0.4"]

    started = project.run("pipeline.py", "start", *settings)
    for step in ("Prepare", "Tune", "Train", "Evaluate", "CheckAccuracy", "Register"):
        assert re.search(rf"^  {step} +Succeeded$", started, re.MULTILINE), started
    assert re.search(r"^Version 1 waits for approval: accuracy [01]\.\d", started, re.MULTILINE)

    asked = [f"data/{name}/000.png" for name in ("circle", "square", "triangle")]
    early = project.run("pipeline.py", "predict", *asked, check=1)
    assert "To have an endpoint: python pipeline.py approve" in early
    assert "serves version 1" in project.run("pipeline.py", "approve")
    answers = project.run("pipeline.py", "predict", *asked).splitlines()
    assert [answer.split(":")[0] for answer in answers] == asked
    assert all(re.search(r": (circle|square|triangle) \(\d+%\)$", answer) for answer in answers)
    refused = project.run("pipeline.py", "predict", "data/circle/damaged.jpg", check=1)
    assert "damaged.jpg was refused" in refused and "no JPEG or PNG picture" in refused


def test_an_accuracy_below_the_threshold_registers_nothing_and_jobs_come_from_the_cache(
    project: Project,
) -> None:
    settings = ["-p", "Epochs=2", "-p", "AccuracyThreshold=1.1"]
    failed = project.run("pipeline.py", "start", *settings, check=1)
    assert re.search(r"AccuracyTooLow +Failed: The accuracy is .*asks for 1\.1\.", failed)
    cached = re.findall(r"^  (\w+) +Succeeded \(unchanged: cached\)$", failed, re.MULTILINE)
    assert cached == ["Prepare", "Tune", "Train", "Evaluate"]

    # A version whose deployment was interrupted is deployed by approving it again.
    assert "serves version 1" in project.run("pipeline.py", "approve")


def test_the_packages_are_those_of_the_training_image() -> None:
    """So their wheels are fetched once for both, and one set of versions is tried."""
    ours, theirs = (
        set((folder / "requirements.txt").read_text().split())
        for folder in (
            TEMPLATE / "project" / "containers" / "classifier",
            ROOT / "containers" / "tally-training",
        )
    )
    assert "torch==2.13.0" in ours
    assert ours <= theirs


def test_names_follow_the_folder_and_a_git_address_leads_to_the_emulator(tmp_path: Path) -> None:
    url = "https://example.com/tally.git"
    project = make(tmp_path / "My Flowers 2", emulator=url)
    assert yaml.safe_load((project / "settings.yaml").read_text())["name"] == "my-flowers-2"
    line = f'sagemaker-emulator = {{ git = "{url}", subdirectory = "emulator" }}'
    assert line in (project / "pyproject.toml").read_text().splitlines()


@pytest.mark.parametrize("name", ["2flowers", "flowers_", "Flowers", "a" * 31])
def test_a_name_that_aws_refuses_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="small letters, digits and single hyphens"):
        make(tmp_path / "project", name=name)


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_new_project_asks_for_the_folder() -> None:
    command = ["make", "--no-print-directory", "--assume-old=setup", "new-project"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "make new-project DEST=../flowers" in done.stdout
