"""What the emulator must withstand: full disks, stray processes, endless logs, kills."""

import ast
import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagemaker_emulator.containers import environment, image

ROOT = Path(__file__).resolve().parents[2]
PARTS = sorted(path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir())


def start(sagemaker: Any, name: str, script: str, output: str = "") -> None:
    outputs = [
        {
            "OutputName": "o",
            "S3Output": {
                "S3Uri": output,
                "LocalPath": "/opt/ml/processing/o",
                "S3UploadMode": "EndOfJob",
            },
        }
    ]
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn="arn:aws:iam::123456789012:role/jobs",
        ProcessingResources={
            "ClusterConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            }
        },
        AppSpecification={"ImageUri": "plain", "ContainerEntrypoint": ["sh", "-c", script]},
        **({"ProcessingOutputConfig": {"Outputs": outputs}} if output else {}),
    )


def ended(sagemaker: Any, name: str, seconds: float = 15) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        job: dict[str, Any] = sagemaker.describe_processing_job(ProcessingJobName=name)
        if job["ProcessingJobStatus"] not in ("InProgress", "Stopping"):
            return job
        assert time.monotonic() < deadline, f"{name} is still {job['ProcessingJobStatus']}"
        time.sleep(0.02)


def test_emulator_imports_nothing_else_of_this_repository() -> None:
    others = set(PARTS) - {"emulator"}
    for file in (ROOT / "emulator").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not others & {name.split(".")[0] for name in names}, file


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_process_that_left_its_group_ends_with_its_container(emulator: Any) -> None:
    sagemaker = emulator.client("sagemaker")
    start(sagemaker, "stray", "env -i setsid sh -c 'sleep 987123; true' & sleep 0.3; echo done")
    assert ended(sagemaker, "stray")["ProcessingJobStatus"] == "Completed"
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            assert b"987123" not in (entry / "cmdline").read_bytes(), entry
        except OSError:
            continue


def test_down_ends_running_jobs_and_closes_the_database(own_emulator: Callable[..., Any]) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    emulator.client("s3").create_bucket(Bucket="bucket")
    start(emulator.client("sagemaker"), "endless", "trap '' TERM; sleep 60")
    emulator.down()
    # SQLite removes its write-ahead log when it is closed, and only then.
    assert not (emulator.state / "emulator.db-wal").exists()
    assert emulator.up().returncode == 0
    job = ended(emulator.client("sagemaker"), "endless")
    assert job["FailureReason"].startswith("InternalServerError: the emulator stopped")


def test_emulators_started_at_once_use_different_ports(own_emulator: Callable[..., Any]) -> None:
    emulators = [own_emulator(name) for name in ("a", "b", "c")]
    threads = [threading.Thread(target=emulator.up) for emulator in emulators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    urls = [emulator.about[key] for emulator in emulators for key in ("url", "s3_url")]
    assert len(set(urls)) == 6
    assert all(emulator.run("status").returncode == 0 for emulator in emulators)


def test_failure_reason_has_no_control_characters(emulator: Any) -> None:
    sagemaker = emulator.client("sagemaker")
    start(sagemaker, "escape", r"printf 'before\033[2Jafter\n'; exit 3")
    reason = ended(sagemaker, "escape")["FailureReason"]
    assert "before\ufffd[2Jafter" in reason


def test_pages_of_a_long_log_are_read_quickly(emulator: Any) -> None:
    logs = emulator.client("logs")
    logs.create_log_group(logGroupName="/long")
    logs.create_log_stream(logGroupName="/long", logStreamName="s")
    stream = emulator.state / "logs" / "%2Flong" / "s.jsonl"
    # So many that to read all of them for one page takes longer than the limit below.
    stream.write_text("".join(f'[{1000 + i}, "line {i}"]\n' for i in range(1_500_000)))
    began = time.monotonic()
    page = logs.get_log_events(logGroupName="/long", logStreamName="s", limit=3)
    before = logs.get_log_events(
        logGroupName="/long", logStreamName="s", limit=2, nextToken=page["nextBackwardToken"]
    )
    first = logs.filter_log_events(logGroupName="/long", limit=2)
    second = logs.filter_log_events(logGroupName="/long", limit=2, nextToken=first["nextToken"])
    assert time.monotonic() - began < 3
    assert [event["message"] for event in page["events"]] == [
        "line 1499997",
        "line 1499998",
        "line 1499999",
    ]
    assert [event["message"] for event in before["events"]] == ["line 1499995", "line 1499996"]
    assert [event["message"] for event in second["events"]] == ["line 2", "line 3"]


def test_operation_that_moto_lacks_is_refused_in_the_format_of_its_service(emulator: Any) -> None:
    with pytest.raises(ClientError, match=r"UnknownOperation.*change_password"):
        emulator.client("iam").change_password(OldPassword="secret", NewPassword="other")


def test_simulated_policy_allows_every_action(emulator: Any) -> None:
    simulated = emulator.client("iam").simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::123456789012:role/jobs",
        ActionNames=["s3:GetObject", "sagemaker:CreateTrainingJob"],
        ResourceArns=["arn:aws:s3:::a&b"],
    )
    assert not simulated["IsTruncated"]
    decisions = [
        (result["EvalActionName"], result["EvalResourceName"], result["EvalDecision"])
        for result in simulated["EvaluationResults"]
    ]
    assert decisions == [
        ("s3:GetObject", "arn:aws:s3:::a&b", "allowed"),
        ("sagemaker:CreateTrainingJob", "arn:aws:s3:::a&b", "allowed"),
    ]


def test_state_folder_that_cannot_be_made_is_reported(
    own_emulator: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "file/state"):
        refused = own_emulator(name).up()
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"emulator: the state folder {tmp_path / name} cannot be")
        assert len(refused.stderr.splitlines()) == 1


def test_request_that_waits_for_a_queue_delays_no_other(emulator: Any) -> None:
    sqs, iam = emulator.client("sqs"), emulator.client("iam")
    queue = sqs.create_queue(QueueName="waited")["QueueUrl"]
    received: list[dict[str, Any]] = []

    def wait() -> None:
        received.append(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10))

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.3)
    began = time.monotonic()
    iam.list_roles()
    assert time.monotonic() - began < 3  # not the ten seconds of the request that waits
    emulator.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    waiting.join(5)
    assert [message["Body"] for message in received[0]["Messages"]] == ["hello"]


def test_environments_of_earlier_requirements_are_deleted(tmp_path: Path) -> None:
    images, environments = tmp_path / "images", tmp_path / "environments"
    (images / "mine").mkdir(parents=True)
    (images / "mine" / "requirements.txt").touch()
    current = environment.path_of(image.find(images, "mine"), environments)
    half_built = (f".{current.name}.x1y2z3", ".other-0123456789ab.x1y2z3")
    for name in (current.name, "mine-0123456789ab", "other-0123456789ab", ".mine-x", *half_built):
        (environments / name).mkdir(parents=True)
    (environments / f".{current.name}.lock").touch()
    assert environment.prune(images, environments) == ["mine-0123456789ab"]
    left = sorted(path.name for path in environments.iterdir())
    lock = f".{current.name}.lock"
    assert left == sorted([lock, ".mine-x", current.name, "other-0123456789ab"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> None:
    with (disk / "fill").open("wb", buffering=0) as file:
        for size in (65536, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC


def test_full_disk_is_reported_and_the_server_starts_once_there_is_room(
    own_emulator: Callable[..., Any], small_disk: Path
) -> None:
    emulator = own_emulator()
    emulator.state = small_disk / "state"
    started = emulator.up()
    assert started.returncode == 0, started.stderr
    emulator.client("s3").create_bucket(Bucket="bucket")
    sagemaker = emulator.client("sagemaker")
    script = "head -c 9000000 /dev/zero > /opt/ml/processing/o/f"
    start(sagemaker, "large", script, "s3://bucket/o")
    assert ended(sagemaker, "large")["ProcessingJobStatus"] == "Failed"
    emulator.down()
    fill(small_disk)
    refused = emulator.up()
    assert refused.returncode == 1
    assert "No space left on device" in refused.stderr and "Traceback" not in refused.stderr
    (small_disk / "fill").unlink()
    assert emulator.up().returncode == 0
    jobs = emulator.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]
    assert [job["ProcessingJobName"] for job in jobs] == ["large"]
    assert json.loads(emulator.run("status", "--json").stdout)["running"]
    emulator.down()
