"""The watch step as SageMaker runs it: files in /opt/ml, metrics to CloudWatch."""

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import watch
from tests.steps import audit_entries
from tests.steps.watching import captures
from tests.steps.watching.captures import MODEL


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """An address that takes what is sent to CloudWatch, and the bodies that were sent."""
    sent: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            """Nothing: the tests' output is not its place."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    yield sent
    server.shutdown()
    server.server_close()


@pytest.fixture
def opt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """/opt/ml of a job with the baseline of a model."""
    monkeypatch.setenv("OPT_ML", str(tmp_path))
    folder = tmp_path / "processing" / "input" / "baselines"
    folder.mkdir(parents=True)
    document = captures.known(captures.answers(100, seed=99)).as_document()
    (folder / f"{MODEL}.json").write_text(json.dumps(document))
    return tmp_path


def capture(opt: Path, answers: list[Any]) -> None:
    captures.write(opt / "processing" / "input" / "capture", answers, datetime.now(UTC))


def run(opt: Path, *arguments: str) -> dict[str, Any]:
    assert watch.main(["--endpoint", "tally", *arguments]) == 0
    found: dict[str, Any] = json.loads(
        (opt / "processing" / "output" / "watch" / "watch.json").read_text()
    )
    return found


def test_answers_like_those_of_the_test_are_steady(opt: Path, cloudwatch: list[bytes]) -> None:
    capture(opt, captures.answers(300))
    found = run(opt)
    assert (found["status"], found["answers"], found["raised"]) == ("steady", 300, [])
    assert {one["name"] for one in found["checks"]} >= {"brightness", "count", "agreement"}


def test_a_change_is_in_the_file_the_page_the_log_and_the_metrics(
    opt: Path, cloudwatch: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    capture(opt, captures.answers(300, darker=0.6))
    found = run(opt)
    assert (found["status"], found["raised"], found["changes"]) == ("changed", ["brightness"], 1)
    page = (opt / "processing" / "output" / "watch" / "watch.html").read_text()
    assert "Something has changed" in page and "Look at the lamps" in page
    lines = capsys.readouterr().out.splitlines()
    embedded = [json.loads(line) for line in lines if line.startswith("{")]
    psi = {line["Measure"]: line["Psi"] for line in embedded}
    assert psi["brightness"] > 0.25 > psi["confidence"]
    assert embedded[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Tally"
    (body,) = cloudwatch
    sent = json.loads(body)
    assert sent["Namespace"] == "Tally"
    metrics = {one["MetricName"]: one for one in sent["MetricData"]}
    assert metrics["Changes"]["Dimensions"] == [{"Name": "EndpointName", "Value": "tally"}]
    assert (metrics["Changes"]["Value"], metrics["WatchedAnswers"]["Value"]) == (1, 300)
    assert metrics["Disagreement"]["Value"] < 0.3


def test_answers_of_another_model_and_another_time_are_left_out(
    opt: Path, cloudwatch: list[bytes]
) -> None:
    old = [{**one, "model": "0" * 12} for one in captures.answers(330)]
    capture(opt, [*old, *captures.answers(1320)])
    found = run(opt, "--days", "1")
    # One answer a minute. Two hours of the model that served before are in the day, too.
    assert 1438 <= found["answers"] + found["left_out"]["of other models"] <= 1440
    assert found["left_out"]["of other models"] >= 118
    assert sum(found["left_out"].values()) + found["answers"] == 1650


def test_nothing_captured_is_unknown_and_not_steady(opt: Path, cloudwatch: list[bytes]) -> None:
    found = run(opt)
    assert found["status"] == "unknown" and "is the endpoint's capture on?" in found["sentence"]


def test_a_model_without_a_baseline_is_unknown(opt: Path, cloudwatch: list[bytes]) -> None:
    capture(opt, [{**one, "model": "a" * 12} for one in captures.answers(30)])
    found = run(opt)
    assert found["status"] == "unknown"
    assert "no baseline of the model that answers (aaaaaaaaaaaa)" in found["sentence"]


def test_an_unreadable_line_is_counted_and_the_others_are_used(
    opt: Path, cloudwatch: list[bytes]
) -> None:
    capture(opt, captures.answers(300))
    (file, *_) = (opt / "processing" / "input" / "capture").rglob("*.jsonl")
    file.write_text(file.read_text() + '{"captureData": 3}\nnot JSON\n' + captures.line("text"))
    found = run(opt)
    assert (found["answers"], found["left_out"]["unreadable"]) == (300, 3)


def test_audits_that_find_many_counts_wrong_raise_the_accuracy(
    opt: Path, cloudwatch: list[bytes]
) -> None:
    capture(opt, captures.answers(300))
    folder = opt / "processing" / "input" / "audits"
    when = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for number in range(40):
        right = number % 4 == 0
        entry = audit_entries.document(
            number, when=when, verdict="pass", model_count=3, expected_quantity=3,
            decision="record_right" if right else "adjusted", true_count=3 if right else 4,
            image_sha256=f"{number:064x}",
        )  # fmt: skip
        file = folder / when[:10] / f"{entry['id']}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(entry))
    found = run(opt)
    (check,) = [one for one in found["checks"] if one["name"] == "accuracy"]
    assert check["raised"] and check["value"] == 0.25 and check["answers"] == 40


def test_without_cloudwatch_the_job_fails_and_says_so(
    opt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    capture(opt, captures.answers(30))
    assert watch.main(["--endpoint", "tally"]) == 1
    assert "no alarm would notice" in (opt / "output" / "message").read_text()
