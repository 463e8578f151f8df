"""notebooks/sagemaker.ipynb, executed from top to bottom by a Jupyter kernel, on an emulator."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workplace import ROOT, Workplace

from notebooks.render import execute, markdown

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOTEBOOK = ROOT / "notebooks" / "sagemaker.ipynb"
RULES = [
    "VanishingGradient",
    "Overfit",
    "Overtraining",
    "PoorWeightInitialization",
    "LossNotDecreasing",
    "LowGPUUtilization",
    "ProfilerReport",
]
# Every job does all of its work, on few and small images.
TINY = {
    "BINS": 90,
    "IMAGE_SIZE": 32,
    "EPOCHS": 1,
    "BATCH_SIZES": [16, 32],
    "EPOCH_RANGE": (1, 2),
    "TRIALS": 2,
    "PIPELINE": "-p SubsetSize=60 -p ImageSize=32 -p MaxTrials=1 -p EpochsMin=1 -p EpochsMax=1 "
    "-p AccuracyThreshold=0",
}
SECONDS = 240  # for one cell


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """An emulator of its own; the notebook's files are below the folder, too."""
    folder = tmp_path_factory.mktemp("notebook")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PIPELINE_"))}
    state = {"EMULATOR_STATE": str(folder / "state")}
    workplace = Workplace(folder, folder / "bins", kept | state)
    yield workplace
    workplace.run("emulator", "down", check=None)


@pytest.fixture(scope="module")
def notebook(workplace: Workplace) -> Any:
    values = {**TINY, "FILES": str(workplace.folder / "files")}
    return execute(NOTEBOOK, values, workplace.environment, SECONDS)


def cell(notebook: Any, name: str) -> Any:
    return next(cell for cell in notebook.cells if cell.id == f"code-{name}")


def printed(notebook: Any, name: str) -> str:
    outputs = cell(notebook, name).outputs
    return "".join(one.text for one in outputs if one.output_type == "stream")


def shown(notebook: Any, name: str, kind: str) -> list[str]:
    outputs = cell(notebook, name).outputs
    return [one.data[kind] for one in outputs if kind in one.get("data", {})]


def rows(notebook: Any, name: str) -> list[dict[str, str]]:
    """The rows of a table that a cell shows."""
    lines = shown(notebook, name, "text/markdown")[0].splitlines()
    cells = [[part.strip() for part in line.strip("| ").split(" | ")] for line in lines]
    return [dict(zip(cells[0], line, strict=True)) for line in cells[2:]]


@pytest.mark.timeout(600)
def test_the_data_is_split_by_class_and_all_of_it_is_in_s3(notebook: Any) -> None:
    table = rows(notebook, "look")
    counts = {row["items"]: int(row["all"]) for row in table}
    assert list(counts) == ["train", "validation", "test"]
    assert counts["train"] == pytest.approx(0.8 * sum(counts.values()), abs=3)
    for row in table:
        assert sum(int(row[str(count)]) for count in range(1, 6)) == int(row["all"])
    listed = re.findall(r"/(\w+)/: (\d+) images", printed(notebook, "upload"))
    assert {split: int(number) for split, number in listed} == counts


def test_neighbouring_bins_are_in_one_split(notebook: Any, workplace: Workplace) -> None:
    (data,) = (workplace.folder / "files").glob("data-*")
    ids = {
        split: sorted(int(file.stem) for file in (data / split).glob("*/*.jpg"))
        for split in ("train", "validation", "test")
    }
    assert ids["train"][-1] < ids["validation"][0] <= ids["validation"][-1] < ids["test"][0]


def test_the_training_job_gets_hyperparameters_as_arguments_and_shows_its_log(
    notebook: Any, workplace: Workplace
) -> None:
    given = json.loads(printed(notebook, "trainer"))
    assert (given["lr"], given["batch-size"], given["test-batch-size"]) == (0.01, 32, 100)
    log = printed(notebook, "submit")
    assert re.search(r"epoch=1 train_loss=\d\.\d+ .*validation_accuracy=\d\.\d+", log)
    assert "Completed after" in log
    assert "AWS_" not in log and "resourceconfig.json" not in log  # the SDK's set-up


@pytest.mark.parametrize("name", ["debug", "fine-tune"])
def test_the_seven_verdicts_are_a_table(notebook: Any, name: str) -> None:
    table = rows(notebook, name)
    assert [row["rule"] for row in table] == RULES
    assert {row["status"] for row in table} <= {"NoIssuesFound", "IssuesFound", "NotApplicable"}
    profile = re.search(r"The profile: (.+)", printed(notebook, name))
    assert profile and "slowest operators" in Path(profile[1]).read_text()


def test_the_best_trial_is_fetched_and_the_fine_tuning_trains_with_its_values(
    notebook: Any,
) -> None:
    trials = re.findall(r"(\d) of 2: Completed, accuracy (\d\.\d+) with", printed(notebook, "tune"))
    assert [number for number, _ in trials] == ["1", "2"]
    (best,) = rows(notebook, "best")
    assert 0.001 <= float(best["lr"]) <= 0.1
    assert best["batch-size"] in ("16", "32") and best["epochs"] in ("1", "2")
    log = " ".join(printed(notebook, "fine-tune").split())
    assert f"batch {best['batch-size']}, {best['epochs']} epochs" in log
    assert f"lr {float(best['lr']):g}," in log


def test_the_endpoint_answers_for_an_image_of_the_test_split(notebook: Any) -> None:
    assert "InService" in printed(notebook, "deploy")
    answer = json.loads(printed(notebook, "query"))
    assert answer["count"] in range(1, 6)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    (caption,) = shown(notebook, "query", "text/markdown")
    assert f"the endpoint answers {answer['count']}" in caption
    right = re.search(r"(\d+) of (\d+) test images", printed(notebook, "test"))
    assert right and int(right[1]) <= int(right[2]) == int(rows(notebook, "look")[2]["all"])


def test_the_pipeline_is_created_run_and_approved(notebook: Any) -> None:
    assert "created" in printed(notebook, "upsert")
    run = printed(notebook, "start")
    assert "Succeeded" in run and "Model version 1 waits for approval" in run
    assert "\x1b[" not in run  # lines, not a screen that is drawn again and again
    assert "InService with version 1" in printed(notebook, "approve")


def test_nothing_that_costs_money_is_left(notebook: Any, workplace: Workplace) -> None:
    cleaned = printed(notebook, "clean-up")
    assert len(re.findall("deleted: endpoint", cleaned)) == 2 and "deleted: model" in cleaned
    client = connect(workplace)
    assert client.list_endpoints()["Endpoints"] == []
    configs = client.list_endpoint_configs(NameContains="walk")["EndpointConfigs"]
    assert configs == client.list_models(NameContains="walk")["Models"] == []


def test_every_picture_has_a_text_that_describes_it(notebook: Any) -> None:
    text, pictures = markdown(notebook, "walk")
    described = re.findall(r"!\[(.*)\]\(images/(.+)\)", text)
    assert len(described) == len(pictures) == 3
    assert {file for _, file in described} == set(pictures)
    assert all(len(words) > 20 for words, _ in described)
    assert str(ROOT) not in text
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())


def test_run_again_it_finds_what_was_done(notebook: Any, workplace: Workplace) -> None:
    """As after a restart of the kernel in the middle."""
    client = connect(workplace)
    before = client.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    values = {**TINY, "FILES": str(workplace.folder / "files")}
    again = execute(NOTEBOOK, values, workplace.environment, SECONDS, last="code-fine-tune")

    assert client.list_training_jobs(MaxResults=100)["TrainingJobSummaries"] == before
    for name in ("best", "fine-tune"):
        assert rows(again, name) == rows(notebook, name)
    assert printed(again, "submit").splitlines()[-1] == printed(notebook, "submit").splitlines()[-1]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_a_notebook_has_no_outputs_in_the_repository(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    document = json.loads(text)
    for one in document["cells"]:
        if one["cell_type"] == "code":
            assert (one["outputs"], one["execution_count"]) == ([], None), one["id"]
    ids = [one["id"] for one in document["cells"]]
    assert len(set(ids)) == len(ids)
    assert text == json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def connect(workplace: Workplace) -> Any:
    import boto3

    server = json.loads(workplace.run("emulator", "env", "--json").stdout)
    return boto3.Session(
        aws_access_key_id=server["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    ).client("sagemaker", endpoint_url=server["AWS_ENDPOINT_URL"])
