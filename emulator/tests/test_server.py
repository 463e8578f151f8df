"""The server as a process: started once, killed, restarted, refused a port, out of disk."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator

from sagemaker_emulator import daemon
from sagemaker_emulator.errors import StartError

GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/x"
ROLE = "arn:aws:iam::123456789012:role/emulator"
DOMAIN = {
    "DomainName": "x",
    "AuthMode": "IAM",
    "DefaultUserSettings": {"ExecutionRole": "arn:aws:iam::123456789012:role/studio"},
}


def children(server: Emulator) -> Any:
    return psutil.Process(server.about["pid"]).children()


def eventually(condition: Any, seconds: float = 5.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def s3_process(server: Emulator) -> psutil.Process:
    (process,) = [c for c in children(server) if "sagemaker_emulator.s3" in c.cmdline()]
    return process


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(
    own_emulator: Callable[..., Emulator],
) -> None:
    server = own_emulator()
    assert server.up().returncode == 0
    before = server.about
    server.client("s3").create_bucket(Bucket="kept")
    server.client("s3").put_object(Bucket="kept", Key="a/b", Body=b"x")
    server.client("iam").create_role(RoleName="kept", AssumeRolePolicyDocument="{}")
    role = server.client("iam").get_role(RoleName="kept")["Role"]
    server.client("logs").create_log_group(logGroupName="kept")
    sagemaker = server.client("sagemaker")
    acknowledged = set()
    s3_child = s3_process(server)

    def write() -> None:
        for number in range(10_000):
            name = f"group-{number}"
            try:
                sagemaker.create_model_package_group(ModelPackageGroupName=name)
            except Exception:
                return
            acknowledged.add(name)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        assert eventually(lambda: len(acknowledged) > 20)
        server.kill()
        writing.result()
    assert eventually(lambda: not s3_child.is_running() or s3_child.status() == "zombie")

    done = server.up()
    assert done.returncode == 0, done.stderr
    assert (server.about["url"], server.about["s3_url"]) == (before["url"], before["s3_url"])
    listed = server.client("sagemaker").get_paginator("list_model_package_groups").paginate()
    kept = {
        item["ModelPackageGroupName"]
        for page in listed
        for item in page["ModelPackageGroupSummaryList"]
    }
    assert acknowledged <= kept
    assert server.client("s3").get_object(Bucket="kept", Key="a/b")["Body"].read() == b"x"
    assert server.client("iam").get_role(RoleName="kept")["Role"]["RoleId"] == role["RoleId"]
    assert server.client("logs").describe_log_groups()["logGroups"][0]["logGroupName"] == "kept"


def test_two_ups_at_once_give_one_server(own_emulator: Callable[..., Emulator]) -> None:
    server = own_emulator()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: server.up(), range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    said = sorted([first.stdout.splitlines()[0], second.stdout.splitlines()[0]])
    assert "already running" in said[0]
    assert "started" in said[1]
    assert said[0].rpartition(" ")[2] == said[1].rpartition(" ")[2]


def test_taken_port_is_reported(own_emulator: Callable[..., Emulator]) -> None:
    server = own_emulator()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = server.up("--port", str(port))
    assert done.returncode == 1
    assert f"port {port} (--port) is taken" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        (["--port", "99999"], "'99999' is no port; give a number from 1 to 65535"),
        (["--s3-port", "-1"], "'-1' is no port"),
        (["--port", "0"], "'0' is no port"),
        (["--port", "5999", "--s3-port", "5999"], "both 5999"),
    ],
)
def test_invalid_ports_are_reported(
    own_emulator: Callable[..., Emulator], ports: Any, said: Any
) -> None:
    done = own_emulator().up(*ports)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_status_env_and_reset(
    own_emulator: Callable[..., Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_emulator()
    assert server.run("status").returncode == 1
    assert "not running; start it" in server.run("env").stderr
    server.up()
    status = json.loads(server.run("status", "--json").stdout)
    assert status["running"] is True
    assert status["url"] == server.about["url"]
    shown = server.run("status").stdout
    assert f"tracking_uri sqlite:///{server.state}/mlflow.db" in shown
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intern.test,localhost")
    variables = server.run("env").stdout
    assert f"export AWS_ENDPOINT_URL={status['url']}" in variables
    assert "export no_proxy=intern.test,localhost,127.0.0.1\n" in variables
    refused = server.run("reset")
    assert (refused.returncode, "--yes" in refused.stderr) == (1, True)
    assert server.state.exists()
    assert server.run("reset", "--yes").returncode == 0
    assert not server.state.exists()


def test_reset_leaves_a_folder_alone_that_is_not_a_state(
    own_emulator: Callable[..., Emulator],
) -> None:
    server = own_emulator()
    (server.state / "server.json").unlink()
    (server.state / "precious").touch()
    done = server.run("reset", "--yes")
    assert done.returncode == 1
    assert "is not an emulator's state" in done.stderr
    assert (server.state / "precious").exists()


def test_full_disk_is_reported_and_nothing_is_half_written(
    own_emulator: Callable[..., Emulator],
) -> None:
    server = own_emulator()
    limit = "ulimit -f 512; exec"  # no file over 512 KiB
    command = f"{limit} {sys.executable} -m sagemaker_emulator up --state {server.state}"
    root = Path(__file__).parent.parent.parent
    subprocess.run(["bash", "-c", command], cwd=root, check=True, capture_output=True)
    sagemaker = server.client("sagemaker")
    written = set()
    with pytest.raises(ClientError, match=r"InternalFailure.*could not use its disk") as caught:
        for number in range(2000):
            name = f"group-{number}"
            sagemaker.create_model_package_group(
                ModelPackageGroupName=name, ModelPackageGroupDescription="x" * 1000
            )
            written.add(name)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert "Traceback" not in str(caught.value)
    server.down()
    server.up()
    listed = server.client("sagemaker").get_paginator("list_model_package_groups").paginate()
    kept = {
        item["ModelPackageGroupName"]
        for page in listed
        for item in page["ModelPackageGroupSummaryList"]
    }
    assert kept == written


def test_s3_is_restarted_when_it_dies(own_emulator: Callable[..., Emulator]) -> None:
    server = own_emulator()
    server.up()
    s3 = server.client("s3")
    s3.create_bucket(Bucket="again")
    s3_process(server).send_signal(signal.SIGKILL)

    def answers() -> Any:
        try:
            return s3.list_buckets()["Buckets"][0]["Name"] == "again"
        except Exception:
            return False

    assert eventually(answers)


def test_objects_put_into_the_folder_are_seen_soon(emulator: Emulator) -> None:
    s3 = emulator.client("s3")
    folder = emulator.state / "s3" / "folder-bucket"
    (folder / "a").mkdir(parents=True)

    def seen() -> Any:
        try:
            return s3.list_objects_v2(Bucket="folder-bucket", Prefix="a/")["KeyCount"]
        except s3.exceptions.NoSuchBucket:  # the folder is a bucket within a second, too
            return 0

    for count, name in enumerate(("one", "two"), start=1):
        (folder / "a" / name).write_text(name)
        assert eventually(lambda count=count: seen() == count, 3)
    (folder / "a" / "two").write_text("changed")

    def size() -> Any:
        return s3.head_object(Bucket="folder-bucket", Key="a/two")["ContentLength"]

    assert eventually(lambda: size() == len("changed"), 3)
    assert s3.get_object(Bucket="folder-bucket", Key="a/two")["Body"].read() == b"changed"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda c: c.describe_model(ModelName="no spaces"), r"regular expression pattern"),
        (
            lambda c: c.add_tags(ResourceArn=GROUP, Tags=[{"Key": "a", "Value": "Größe: 3 (neu)"}]),
            r"Value 'Größe: 3 \(neu\)' at 'tags.1.member.value' .* regular expression pattern",
        ),
        (
            lambda c: c.create_model_package(CustomerMetadataProperties={"source": "s3://b/*"}),
            r"Value 's3://b/\*' at 'customerMetadataProperties.source.member' .* pattern",
        ),
        (lambda c: c.list_models(SortBy="Colour"), r"enum value set: \[Name, CreationTime\]"),
        (lambda c: c.list_models(MaxResults=1000), r"less than or equal to 100"),
        (lambda c: c.list_models(NextToken="xx"), r"Invalid pagination token because"),
        (lambda c: c.create_domain(**DOMAIN), r"does not run sagemaker CreateDomain. It runs: Add"),
    ],
    ids=["pattern", "letters", "letters and length", "enum", "range", "token", "unknown"],
)
def test_wrong_requests_are_refused_by_name(emulator: Emulator, call: Any, message: str) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        call(emulator.client("sagemaker"))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    "body, code",
    [
        (b"no json", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"{}", "ValidationException"),
        (b'{"ModelName": 3}', "ValidationException"),
        (b'{"ModelName": "x", "Other": 1}', "ValidationException"),
        (b"[" * 100_000, "SerializationException"),
        (b'{"ModelName": ' + b"[" * 500 + b"]" * 500 + b"}", "SerializationException"),
        (b'{"ModelName": NaN}', "SerializationException"),
        (b'{"ModelName": -Infinity}', "SerializationException"),
        (b'{"ModelName": 1e400}', "SerializationException"),
        (b'{"ModelName": ' + b"9" * 5000 + b"}", "SerializationException"),
        (b"\xff\xfe", "SerializationException"),
    ],
)
def test_bad_bodies_are_refused(emulator: Emulator, body: Any, code: Any) -> None:
    status, _, answer = emulator.send(
        body=body, headers={"X-Amz-Target": "SageMaker.DescribeModel"}
    )
    assert status == 400
    assert json.loads(answer)["__type"] == code


def test_services_left_to_moto(emulator: Emulator) -> None:
    assert emulator.client("sts").get_caller_identity()["Account"] == "123456789012"
    repository = emulator.client("ecr").create_repository(repositoryName="image")["repository"]
    assert repository["repositoryName"] == "image"
    cloudwatch = emulator.client("cloudwatch")
    cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1}])
    assert cloudwatch.list_metrics(Namespace="N")["Metrics"][0]["MetricName"] == "m"
    with pytest.raises(ClientError, match="NoSuchEntity"):
        emulator.client("iam").get_role(RoleName="nobody")


def test_the_caller_is_a_role_that_sagemaker_may_assume(
    own_emulator: Callable[..., Emulator],
) -> None:
    server = own_emulator()
    assert server.up().returncode == 0
    caller = server.client("sts").get_caller_identity()
    assert caller["Arn"] == "arn:aws:sts::123456789012:assumed-role/emulator/emulator"
    role = server.client("iam").get_role(RoleName="emulator")["Role"]
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert "sagemaker.amazonaws.com" in trusted["Principal"]["Service"]
    server.down()
    assert server.up().returncode == 0
    assert server.client("sts").get_caller_identity() | {"ResponseMetadata": 0} == (
        caller | {"ResponseMetadata": 0}
    )


@pytest.mark.parametrize(
    "operation",
    ["assume_role", "get_session_token", "get_federation_token"],
)
def test_temporary_keys_are_the_ones_that_the_server_accepts(
    emulator: Emulator, operation: str
) -> None:
    arguments = {
        "assume_role": {"RoleArn": ROLE, "RoleSessionName": "session"},
        "get_session_token": {},
        "get_federation_token": {"Name": "name"},
    }[operation]

    credentials = getattr(emulator.client("sts"), operation)(**arguments)["Credentials"]

    assert credentials["AccessKeyId"] == emulator.keys.access_key_id
    assert credentials["SecretAccessKey"] == emulator.keys.secret_access_key
    session = boto3.Session(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        region_name="us-east-1",
    )
    session.client("sagemaker", endpoint_url=emulator.about["url"]).list_models()
    session.client("s3", endpoint_url=emulator.about["s3_url"]).list_buckets()


def test_sts_of_aws_is_the_emulator_in_a_shell_with_its_variables(emulator: Emulator) -> None:
    """The SDK's get_execution_role and account_id give that address themselves."""
    asks = (
        "import boto3; sts = boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com')"
        "; print(sts.get_caller_identity()['Account'])"
    )
    root = Path(__file__).resolve().parents[2]
    shell = (
        f'export PYTHONPATH=/own && eval "$({sys.executable} -m sagemaker_emulator env --state '
        f'{emulator.state})" && {sys.executable} -c "{asks}" && echo $PYTHONPATH'
    )
    done = subprocess.run(["bash", "-c", shell], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    account, path = done.stdout.split()
    assert (account, path.endswith("client:/own")) == ("123456789012", True)


def test_a_schedule_that_would_never_fire_is_refused(emulator: Emulator) -> None:
    role, pipeline = "iam::123456789012:role/s", "sagemaker:us-east-1:123456789012:pipeline/p"
    target = {"Arn": f"arn:aws:{pipeline}", "RoleArn": f"arn:aws:{role}"}
    with pytest.raises(ClientError, match="schedules do not fire here"):
        emulator.client("scheduler").create_schedule(
            Name="s",
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )


def test_s3_at_the_wrong_address_is_reported(emulator: Emulator) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=emulator.about["url"],
        region_name="us-east-1",
        aws_access_key_id=emulator.keys.access_key_id,
        aws_secret_access_key=emulator.keys.secret_access_key,
    )
    with pytest.raises(ClientError, match="set AWS_ENDPOINT_URL_S3"):
        client.list_buckets()


def test_down_waits_until_the_lock_names_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = (tmp_path / "server.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    asked = []

    def kill(pid: Any, number: int) -> None:
        asked.append((pid, number))
        lock.close()

    monkeypatch.setattr(os, "kill", kill)
    say = threading.Timer(0.3, (tmp_path / "server.lock").write_text, ["123456"])
    say.start()
    assert daemon.down(tmp_path) is True
    say.join()
    assert asked == [(123456, signal.SIGTERM)]
    (tmp_path / "server.lock").write_text("")
    with pytest.raises(StartError, match="does not name the process that holds it"):
        daemon._pid_of(tmp_path / "server.lock", timeout=0.1)
