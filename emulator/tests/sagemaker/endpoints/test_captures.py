"""How captured exchanges get to S3, in the test's own process."""

import json
from pathlib import Path
from typing import Any

import pytest
from local_context import local_context

from sagemaker_emulator.aws.serving_ports import Exchange
from sagemaker_emulator.sagemaker.endpoints import capture
from sagemaker_emulator.sagemaker.endpoints.capture import Captures
from sagemaker_emulator.storage import s3_files

HOUR = 1_800_000_000.0  # begins at 08:00 UTC


def config(**changes: Any) -> dict[str, Any]:
    return {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bucket/captured",
        "CaptureOptions": [{"CaptureMode": "Output"}],
        **changes,
    }


def exchange(variant: str = "v", time: float = HOUR, answer: bytes = b"7") -> Exchange:
    return Exchange("e", variant, b"photo", answer, "image/png", "text/plain", time=time)


@pytest.fixture
def captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Captures:
    monkeypatch.setattr(capture, "PERIOD_SECONDS", 3600.0)  # only `flush` writes
    context = local_context(tmp_path)
    (context.s3.folder / "bucket").mkdir(parents=True)
    return Captures(context)


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "s3" / "bucket").rglob("*.jsonl"))


def test_variants_and_hours_have_files_of_their_own(captures: Captures, tmp_path: Path) -> None:
    captures.record(config(), exchange())
    captures.record(config(), exchange(time=HOUR - 1))
    captures.record(config(), exchange("w"))
    captures.record(config(), exchange())
    captures.flush()
    folders = [
        str(f.parent.relative_to(tmp_path / "s3/bucket/captured/e")) for f in files(tmp_path)
    ]
    assert folders == ["v/2027/01/15/07", "v/2027/01/15/08", "w/2027/01/15/08"]
    assert [len(file.read_text().splitlines()) for file in files(tmp_path)] == [1, 2, 1]
    assert files(tmp_path)[0].name.startswith("59-59-000-")


def test_share_of_the_sampling_is_captured(captures: Captures, tmp_path: Path) -> None:
    for _ in range(2000):
        captures.record(config(InitialSamplingPercentage=25), exchange())
    captures.flush()
    (file,) = files(tmp_path)
    # Five standard deviations around 500: one run in two million is outside.
    assert 400 < len(file.read_text().splitlines()) < 600


def test_nothing_is_captured_at_zero_percent(captures: Captures, tmp_path: Path) -> None:
    captures.record(config(InitialSamplingPercentage=0), exchange())
    captures.flush()
    assert files(tmp_path) == []


def test_text_that_is_none_is_base64(captures: Captures, tmp_path: Path) -> None:
    header = {"CsvContentTypes": ["text/plain"]}
    for answer in (b"7", b"\xff"):
        captures.record(config(CaptureContentTypeHeader=header), exchange(answer=answer))
    captures.flush()
    (file,) = files(tmp_path)
    lines = [json.loads(line)["captureData"] for line in file.read_text().splitlines()]
    outputs = [line["endpointOutput"] for line in lines]
    assert [(each["encoding"], each["data"]) for each in outputs] == [
        ("CSV", "7"),
        ("BASE64", "/w=="),
    ]


def test_capture_works_again_when_the_disk_has_room(
    captures: Captures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(s3_files, "put", full)
        captures.record(config(), exchange())
        captures.flush()
        assert captures.describe("e", config())["CaptureStatus"] == "Stopped"
    captures.record(config(), exchange())
    captures.flush()
    assert captures.describe("e", config())["CaptureStatus"] == "Started"
    assert len(files(tmp_path)) == 1


def test_what_waits_is_bounded(
    captures: Captures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "MOST", 10)
    for _ in range(3):
        captures.record(config(), exchange(answer=b"12345"))
    captures.flush()
    captures.record(config(), exchange(answer=b"12345"))
    captures.flush()
    assert sum(len(file.read_text().splitlines()) for file in files(tmp_path)) == 3
