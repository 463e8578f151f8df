"""`approve`, `promote` and `rollback` with an endpoint that serves: what they show, and ask.

The tests of this file run in order: each continues after the one before.
"""

import io
import json
import os
import pty
import subprocess
import sys
import tarfile
from collections.abc import Iterator

import pytest

from tests.cli.command_line import ROOT, CommandLine

BUCKET = "tally-us-east-1-123456789012"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/counter:1"
EVALUATION = json.loads((ROOT / "tests" / "evaluation.json").read_text())
OTHER_COUNTS = "Version 2 answers the counts 1-3; version 1, which serves, answers 1-5."


def register(line: CommandLine, number: int, classes: str, accuracy: float = 0.48) -> None:
    """Register a version with its evaluation and metadata, as Register does."""
    s3 = line.client("s3")
    document = json.loads(json.dumps(EVALUATION))
    entry = document["tally"]["metrics"][0]
    entry |= {"value": accuracy, "low": accuracy - 0.05, "high": accuracy + 0.05}
    entry |= {"short": f"{100 * accuracy:.1f} %"}
    training = {"training_images": 100 * number, "hyperparameters": {"lr": 0.01 * number}}
    for name, content in (("evaluation", document), ("training", training)):
        s3.put_object(Bucket=BUCKET, Key=f"{number}/{name}.json", Body=json.dumps(content))
    statistics = {
        "ContentType": "application/json", "S3Uri": f"s3://{BUCKET}/{number}/evaluation.json",
    }  # fmt: skip
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    line.client("sagemaker").create_model_package(
        ModelPackageGroupName="tally",
        ModelApprovalStatus="PendingManualApproval",
        ModelMetrics={"ModelQuality": {"Statistics": statistics}},
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["image/jpeg"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        CustomerMetadataProperties={
            "classes": classes,
            "data_source": f"s3://{BUCKET}/tally/data/bins-{number}/",
            "endpoint_name": "tally",
            "instance_type": "ml.m5.large",
        },
    )


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Version 1, of the counts 1-5, serves; version 2, of the counts 1-3, is pending."""
    line = CommandLine(tmp_path_factory.mktemp("approve") / "state")
    line.emulator("up", "--images", str(ROOT / "tests" / "cli" / "images"))
    try:
        assert line.run("setup").returncode == 0
        packed = io.BytesIO()
        tarfile.open(fileobj=packed, mode="w:gz").close()
        line.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed.getvalue())
        register(line, 1, "1-5")
        first = line.run("approve")
        assert first.returncode == 0 and "What changes" not in first.stdout
        waited = line.run("endpoint", "--wait")
        assert waited.returncode == 0, waited.stderr
        register(line, 2, "1-3")
        yield line
    finally:
        line.emulator("down")


def approval(line: CommandLine, version: int) -> str:
    models = json.loads(line.run("models", "--json").stdout)
    return {model["version"]: str(model["approval"]) for model in models}[version]


def at_a_terminal(line: CommandLine, words: list[str], typed: str) -> tuple[int, str]:
    """Run a command whose standard input is a terminal at which somebody types an answer."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{typed}\n".encode())
        done = subprocess.run(
            [sys.executable, str(ROOT / "pipeline.py"), *words],
            cwd=ROOT, env=line.environment, stdin=theirs, capture_output=True, text=True,
            timeout=60,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout + done.stderr


def test_the_versions_are_listed_with_counts_and_data(serving: CommandLine) -> None:
    shown = serving.run("models").stdout
    assert "1-5" in shown and "bins-1" in shown and "bins-2" in shown
    chosen = serving.run("models", "1", "2").stdout
    assert "version 1, serving" in chosen and "images learned from" in chosen
    listed = {one["version"]: one for one in json.loads(serving.run("models", "--json").stdout)}
    assert (listed[2]["classes"], listed[2]["training_images"]) == ("1-3", 200)
    assert listed[2]["hyperparameters"] == {"lr": 0.02}


def test_other_counts_are_refused_where_nobody_can_be_asked(serving: CommandLine) -> None:
    done = serving.run("approve", "2")
    assert done.returncode == 1
    assert OTHER_COUNTS in done.stderr
    assert "python pipeline.py approve 2 --yes" in done.stderr
    assert "What changes on endpoint tally:" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["counts", "1-5", "1-3"] in [row[:3] for row in rows]
    assert ["images", "learned", "from", "100", "200"] in [row[:5] for row in rows]
    assert approval(serving, 2) == "PendingManualApproval"


def test_a_person_at_a_terminal_is_asked_and_may_say_no(serving: CommandLine) -> None:
    code, shown = at_a_terminal(serving, ["approve"], "n")
    assert code == 1
    assert OTHER_COUNTS in shown and "Nothing was changed." in shown
    assert approval(serving, 2) == "PendingManualApproval"


def test_a_person_at_a_terminal_may_say_yes(serving: CommandLine) -> None:
    code, shown = at_a_terminal(serving, ["approve"], "y")
    assert code == 0 and "Version 2 is approved." in shown
    assert approval(serving, 2) == "Approved"
    assert serving.run("endpoint", "--wait").returncode == 0


def test_the_promotion_logs_what_it_replaced(serving: CommandLine) -> None:
    events = serving.client("logs").filter_log_events(logGroupName="/aws/lambda/tally-promote")
    logged = [
        json.loads(event["message"])
        for event in events["events"]
        if event["message"].startswith("{") and "replaced_version" in event["message"]
    ]
    assert [(one["version"], one["replaced_version"]) for one in logged] == [(2, 1)]
    assert logged[0]["changed"]["classes"] == ["1-5", "1-3"]


def test_a_rollback_shows_what_it_changes_and_is_never_held_up(serving: CommandLine) -> None:
    done = serving.run("rollback")
    assert done.returncode == 0, done.stderr
    assert "version 1: endpoint updated" in done.stdout
    assert "What changes on endpoint tally:" in done.stdout
    assert "Version 1 answers the counts 1-5; version 2, which serves, answers 1-3." in done.stderr
    assert serving.run("endpoint", "--wait").returncode == 0


def test_promote_asks_as_approve_does(serving: CommandLine) -> None:
    done = serving.run("promote", "2")
    assert done.returncode == 1 and "python pipeline.py promote 2 --yes" in done.stderr
    done = serving.run("promote", "2", "--yes")
    assert done.returncode == 0 and OTHER_COUNTS in done.stderr
    assert serving.run("endpoint", "--wait").returncode == 0


def test_a_version_that_is_worse_beyond_chance_is_refused(serving: CommandLine) -> None:
    register(serving, 3, "1-3", accuracy=0.3)
    done = serving.run("approve")
    assert done.returncode == 1
    assert "Version 3 is worse than version 2, which serves: its accuracy is 30.0 %" in done.stderr
    register(serving, 4, "1-3", accuracy=0.45)
    assert serving.run("approve").returncode == 0


def test_what_is_known_of_a_deleted_version_holds_up_nothing(serving: CommandLine) -> None:
    assert serving.run("endpoint", "--wait").returncode == 0
    package = json.loads(serving.run("endpoint", "--json").stdout)["model_package_arn"]
    serving.client("sagemaker").delete_model_package(ModelPackageName=package)
    done = serving.run("approve", "3")
    assert done.returncode == 0, done.stderr
    assert "What changes" not in done.stdout
