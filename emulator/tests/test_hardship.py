"""What people do to an emulator: full disks, stray processes, endless logs."""

import ast
import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from sagemaker_emulator.containers import environment, image

ROOT = Path(__file__).resolve().parents[2]
PARTS = sorted(path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir())


def start(sagemaker, name: str, script: str, output: str = "") -> None:
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


def ended(sagemaker, name: str, seconds: float = 15) -> dict:
    deadline = time.monotonic() + seconds
    while True:
        found = sagemaker.describe_processing_job(ProcessingJobName=name)
        if found["ProcessingJobStatus"] not in ("InProgress", "Stopping"):
            return found
        assert time.monotonic() < deadline, f"{name} is still {found['ProcessingJobStatus']}"
        time.sleep(0.02)


def test_it_imports_nothing_of_the_rest() -> None:
    others = set(PARTS) - {"emulator"}
    for file in (ROOT / "emulator").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not others & {name.split(".")[0] for name in names}, file


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_process_that_left_its_group_ends_with_its_container(emulator) -> None:
    sagemaker = emulator.client("sagemaker")
    start(sagemaker, "stray", "setsid sh -c 'sleep 987123; true' & sleep 0.3; echo done")
    assert ended(sagemaker, "stray")["ProcessingJobStatus"] == "Completed"
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            assert b"987123" not in (entry / "cmdline").read_bytes(), entry
        except OSError:
            continue


def test_down_stops_every_part_and_closes_the_database(own_emulator) -> None:
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


def test_emulators_that_start_together_take_different_ports(own_emulator) -> None:
    emulators = [own_emulator(name) for name in ("a", "b", "c")]
    threads = [threading.Thread(target=emulator.up) for emulator in emulators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    urls = [emulator.about[key] for emulator in emulators for key in ("url", "s3_url")]
    assert len(set(urls)) == 6
    assert all(emulator.run("status").returncode == 0 for emulator in emulators)


def test_binary_output_is_no_terminal_command(emulator) -> None:
    sagemaker = emulator.client("sagemaker")
    start(sagemaker, "escape", r"printf 'before\033[2Jafter\n'; exit 3")
    reason = ended(sagemaker, "escape")["FailureReason"]
    assert "before\ufffd[2Jafter" in reason


def test_the_end_of_a_long_log_is_read_at_once(emulator) -> None:
    logs = emulator.client("logs")
    logs.create_log_group(logGroupName="/long")
    logs.create_log_stream(logGroupName="/long", logStreamName="s")
    stream = emulator.state / "logs" / "%2Flong" / "s.jsonl"
    # So many that reading all of them, for any of the pages, takes longer than is allowed below.
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


def test_what_moto_cannot_do_is_refused_in_the_services_own_format(emulator) -> None:
    with pytest.raises(ClientError, match=r"UnknownOperation.*change_password"):
        emulator.client("iam").change_password(OldPassword="secret", NewPassword="other")


def test_every_action_is_allowed_to_who_asks_for_permissions_are_not_checked(emulator) -> None:
    simulated = emulator.client("iam").simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::123456789012:role/jobs",
        ActionNames=["s3:GetObject", "sagemaker:CreateTrainingJob"],
        ResourceArns=["arn:aws:s3:::a&b"],
    )
    assert not simulated["IsTruncated"]
    found = [
        (result["EvalActionName"], result["EvalResourceName"], result["EvalDecision"])
        for result in simulated["EvaluationResults"]
    ]
    assert found == [
        ("s3:GetObject", "arn:aws:s3:::a&b", "allowed"),
        ("sagemaker:CreateTrainingJob", "arn:aws:s3:::a&b", "allowed"),
    ]


def test_a_state_folder_that_cannot_be_made_is_said(own_emulator, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "file/state"):
        refused = own_emulator(name).up()
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"emulator: the state folder {tmp_path / name} cannot be")
        assert len(refused.stderr.splitlines()) == 1


def test_who_waits_for_a_queue_holds_up_nobody(emulator) -> None:
    sqs, iam = emulator.client("sqs"), emulator.client("iam")
    queue = sqs.create_queue(QueueName="waited")["QueueUrl"]
    received: list[dict] = []

    def wait() -> None:
        received.append(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10))

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.3)
    began = time.monotonic()
    iam.list_roles()
    assert time.monotonic() - began < 3  # and not the ten seconds of who waits
    emulator.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    waiting.join(5)
    assert [message["Body"] for message in received[0]["Messages"]] == ["hello"]


def test_environments_of_earlier_requirements_are_deleted(tmp_path: Path) -> None:
    images, environments = tmp_path / "images", tmp_path / "environments"
    (images / "mine").mkdir(parents=True)
    (images / "mine" / "requirements.txt").touch()
    current = environment.path_of(image.find(images, "mine"), environments)
    for name in (current.name, "mine-0123456789ab", "other-0123456789ab", ".mine-x"):
        (environments / name).mkdir(parents=True)
    assert environment.prune(images, environments) == ["mine-0123456789ab"]
    left = sorted(path.name for path in environments.iterdir())
    assert left == sorted([".mine-x", current.name, "other-0123456789ab"])


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


def test_a_full_disk_is_said_and_forgotten_when_there_is_room(own_emulator, small_disk) -> None:
    emulator = own_emulator()
    emulator.state = small_disk / "state"
    done = emulator.up()
    assert done.returncode == 0, done.stderr
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
