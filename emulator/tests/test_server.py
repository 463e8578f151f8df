"""The server and its S3 process: killed, restarted, out of disk."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError
from emulator_process import ROOT, Emulator
from waiting import wait_until


def s3_process(server: Emulator) -> psutil.Process:
    children = psutil.Process(server.about["pid"]).children()
    (process,) = [c for c in children if "sagemaker_emulator.s3" in c.cmdline()]
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
        wait_until(lambda: len(acknowledged) > 20)
        server.kill()
        writing.result()
    wait_until(lambda: not s3_child.is_running() or s3_child.status() == "zombie")

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


def test_full_disk_is_reported_and_nothing_is_half_written(
    own_emulator: Callable[..., Emulator],
) -> None:
    server = own_emulator()
    limit = "ulimit -f 512; exec"  # no file over 512 KiB
    command = f"{limit} {sys.executable} -m sagemaker_emulator up --state {server.state}"
    subprocess.run(["bash", "-c", command], cwd=ROOT, check=True, capture_output=True)
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

    wait_until(answers)


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
        wait_until(lambda count=count: seen() == count)
    (folder / "a" / "two").write_text("changed")

    def size() -> Any:
        return s3.head_object(Bucket="folder-bucket", Key="a/two")["ContentLength"]

    wait_until(lambda: size() == len("changed"))
    assert s3.get_object(Bucket="folder-bucket", Key="a/two")["Body"].read() == b"changed"
    shutil.rmtree(folder)  # made with the modes of this process, not the server's


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
