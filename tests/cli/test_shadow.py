"""`shadow`: a pending version beside the one that serves, with an endpoint that really serves.

The tests of this file run in order: each continues after the one before.
"""

import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command_line import ROOT, CommandLine
from tests.cli.test_approve import BUCKET, IMAGE

COUNTS = (1, 3, 3, 6)  # written behind the photos; the model counts to 6


def register(line: CommandLine, approval: str, **environment: str) -> None:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz",
        "Environment": environment,
    }
    line.client("sagemaker").create_model_package(
        ModelPackageGroupName="tally",
        ModelApprovalStatus=approval,
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["image/jpeg"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        CustomerMetadataProperties={"endpoint_name": "tally", "instance_type": "ml.m5.large"},
    )


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Version 1 serves; version 2, which counts one item more, is pending."""
    line = CommandLine(tmp_path_factory.mktemp("shadow") / "state")
    line.environment["PIPELINE_ROLLOUT_BAKE"] = "0"  # what the alarms do is tried elsewhere
    line.emulator("up", "--images", str(ROOT / "tests" / "cli" / "images"))
    try:
        assert line.run("setup").returncode == 0
        packed = io.BytesIO()
        tarfile.open(fileobj=packed, mode="w:gz").close()
        line.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed.getvalue())
        register(line, "Approved")
        done = line.run("promote", "1")
        assert done.returncode == 0, done.stderr
        waited = line.run("endpoint", "--wait")
        assert waited.returncode == 0, waited.stderr
        register(line, "PendingManualApproval", ADDED="1")
        yield line
    finally:
        line.emulator("down")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / f"{number}.jpg" for number in range(len(COUNTS))]
    for path, count in zip(paths, COUNTS, strict=True):
        Image.new("RGB", (8, 8)).save(path)
        with path.open("ab") as file:
            file.write(f"count={count} sure=0.9".encode())
    return paths


def shown(line: CommandLine) -> str:
    return str(json.loads(line.run("endpoint", "--json").stdout)["shadow"])


def test_without_a_shadow_there_is_nothing_to_compare_or_to_end(serving: CommandLine) -> None:
    for words in (["shadow"], ["shadow", "--end"]):
        done = serving.run(*words)
        assert done.returncode == 1
        assert "Endpoint tally has no shadow. `python pipeline.py shadow VERSION`" in done.stderr
    assert shown(serving) == "None"


def test_a_pending_version_gets_copies(serving: CommandLine) -> None:
    done = serving.run("shadow", "2", seconds=120)
    assert done.returncode == 0, done.stderr
    assert "version 2 gets a copy of 100 % of the requests as a shadow" in done.stdout
    assert shown(serving) == "version 2, copies of 100 % of the requests"
    assert "version 2, copies of 100 %" in serving.run("endpoint").stdout
    compared = serving.run("shadow")
    assert compared.returncode == 0, compared.stderr
    assert "PIPELINE_CAPTURE_PERCENT=100 python pipeline.py shadow 2" in compared.stderr


def test_both_are_compared_on_the_same_requests(
    serving: CommandLine, photos: list[Path], tmp_path: Path
) -> None:
    done = serving.run("shadow", "2", seconds=120, PIPELINE_CAPTURE_PERCENT="100")
    assert done.returncode == 0, done.stderr
    answered = json.loads(serving.run("predict", *photos, "--json").stdout)
    assert [one["count"] for one in answered] == list(COUNTS)  # those of version 1
    damaged = tmp_path / "damaged.jpg"
    Image.new("RGB", (8, 8)).save(damaged)  # nothing is written behind it: 400
    assert serving.run("predict", damaged).returncode == 1

    deadline = time.monotonic() + 60
    while (found := json.loads(serving.run("shadow", "--json").stdout))["agreement"][
        "requests"
    ] < 4 or found["copied"]["requests"] < 5:
        assert time.monotonic() < deadline, found
        time.sleep(1)
    assert (found["version"], found["shadow"]["version"]) == (1, 2)
    for variant in ("production", "copied"):
        measured = found[variant]
        assert measured["requests"] == 5
        assert measured["errors"] == {"4xx": 1, "5xx": 0, "model errors": 1}
        assert 0 < measured["mean_seconds"] <= measured["longest_seconds"] < 60
    assert found["agreement"] == {
        "requests": 4,
        "same": 1,
        "different": [
            {"production": 1, "shadow": 2, "requests": 1},
            {"production": 3, "shadow": 4, "requests": 2},
        ],
    }
    table = serving.run("shadow").stdout
    assert "serves: version 1" in table and "shadow: version 2" in table
    assert "1 (20.0 %)" in table
    assert "Of 4 requests that both answered, 1 got the same count: 25.0 % (95 %" in table
    assert "Counted otherwise (and how often): 3 → 4 (2), 1 → 2 (1)." in table


def test_an_approval_ends_the_shadow_and_says_so(serving: CommandLine) -> None:
    done = serving.run("approve", "2", "--yes")
    assert done.returncode == 0, done.stderr
    assert "Endpoint tally has a shadow, version 2; the promotion ends it." in done.stderr
    waited = serving.run("endpoint", "--wait", seconds=120)
    assert waited.returncode == 0, waited.stderr
    state = json.loads(serving.run("endpoint", "--json").stdout)
    assert (state["version"], state["shadow"]) == (2, None)
    events = serving.client("logs").filter_log_events(logGroupName="/aws/lambda/tally-promote")
    logged = [json.loads(e["message"]) for e in events["events"] if "ended_shadow" in e["message"]]
    assert [(one["version"], one["ended_shadow"]) for one in logged if one["ended_shadow"]] == [
        (2, "version 2")
    ]


def test_it_is_taken_away_and_what_serves_stays(serving: CommandLine, photos: list[Path]) -> None:
    started = serving.run(
        "shadow", "1", seconds=120, PIPELINE_SHADOW_PERCENT="50", PIPELINE_CAPTURE_PERCENT="100"
    )
    assert started.returncode == 0, started.stderr
    assert json.loads(serving.run("endpoint", "--json").stdout)["data_capture"]
    assert shown(serving) == "version 1, copies of 50 % of the requests"
    done = serving.run("shadow", "--end", seconds=120)
    assert done.returncode == 0, done.stderr
    assert "the shadow, version 1, has ended" in done.stdout
    assert not json.loads(serving.run("endpoint", "--json").stdout)["data_capture"]
    assert shown(serving) == "None"
    (answer,) = json.loads(serving.run("predict", photos[0], "--json").stdout)
    assert answer["count"] == COUNTS[0] + 1  # of version 2


def test_a_rollback_ends_it_too_and_skips_it(serving: CommandLine) -> None:
    assert serving.run("shadow", "1", seconds=120).returncode == 0
    done = serving.run("rollback")
    assert done.returncode == 0, done.stderr
    assert "version 1: endpoint updated" in done.stdout
    assert "This ends its shadow, version 1." in done.stderr
    assert serving.run("endpoint", "--wait", seconds=120).returncode == 0
    assert shown(serving) == "None"


@pytest.mark.parametrize("words", [["2", "--end"], ["2", "--json"], ["--end", "--json"]])
def test_what_does_not_go_together_is_refused(serving: CommandLine, words: list[str]) -> None:
    assert serving.run("shadow", *words).returncode == 2
