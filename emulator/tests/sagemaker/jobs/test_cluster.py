"""Jobs of several instances on the server: hosts, shares of the inputs, outputs, and failures."""

import io
import json
import tarfile
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator
from waiting import wait_until

from sagemaker_emulator.sagemaker.jobs import cluster
from sagemaker_emulator.sagemaker.jobs.kinds import TRAINING

ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
PAIR = {"InstanceCount": 2, "InstanceType": "ml.m5.large"}
HEAD = (
    "import json, os, socket, sys, time\n"
    "ml = os.environ.get('OPT_ML', '/opt/ml')\n"
    "config = 'config' if os.path.isdir(f'{ml}/config') else 'input/config'\n"
    "resources = json.load(open(f'{ml}/{config}/resourceconfig.json'))\n"
    "host, hosts = resources['current_host'], resources['hosts']\n"
)
# Each host but the first sends its name to a port of the first, as torchrun's agents do.
MEET = HEAD + (
    "if host == hosts[0]:\n"
    "    names = []\n"
    "    with socket.create_server((host, 7777)) as server:\n"
    "        server.settimeout(10)\n"
    "        while len(names) < len(hosts) - 1:\n"
    "            names.append(server.accept()[0].makefile().read())\n"
    "    print('met', *sorted(names))\n"
    "else:\n"
    "    own = socket.create_server((host, 7777))  # the port is each host's own\n"
    "    for _ in range(100):\n"
    "        try:\n"
    "            other = socket.create_connection((hosts[0], 7777))\n"
    "            break\n"
    "        except ConnectionRefusedError:\n"
    "            time.sleep(0.1)\n"
    "    other.sendall(host.encode())\n"
    "    other.close()\n"
    "    print('sent', host)\n"
)


def processing(name: str, count: int, *inputs: Any, **changes: Any) -> dict[str, Any]:
    resources = {"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "ProcessingResources": {"ClusterConfig": resources},
        "AppSpecification": {
            "ImageUri": "plain",
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/script"],
        },
        "ProcessingInputs": [processing_input("code", f"{name}/code/"), *inputs],
        **changes,
    }


def processing_input(name: str, prefix: str, **changes: Any) -> dict[str, Any]:
    source = {
        "S3Uri": f"s3://{BUCKET}/{prefix}",
        "LocalPath": f"/opt/ml/processing/{name}",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        **changes,
    }
    return {"InputName": name, "S3Input": source}


def training(name: str, resources: Any, *channels: Any, **changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": "plain",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/script"],
        },
        "InputDataConfig": [channel("code", f"{name}/code/"), *channels],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out"},
        "ResourceConfig": {"VolumeSizeInGB": 10, **resources},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def channel(name: str, prefix: str, **changes: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{prefix}", **changes}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


@pytest.fixture
def ended(sagemaker: Any, s3: Any, until: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function that runs a script as a job's container and returns the ended job."""

    def run(script: str, request: dict[str, Any]) -> Any:
        s3.put_object(Bucket=BUCKET, Key=f"{name}/code/script", Body=script.encode())
        kind = "processing" if "ProcessingJobName" in request else "training"
        title = kind.title()
        getattr(sagemaker, f"create_{kind}_job")(**request)
        named = {f"{title}JobName": request[f"{title}JobName"]}
        return until(
            lambda: getattr(sagemaker, f"describe_{kind}_job")(**named), f"{title}JobStatus"
        )

    return run


def keys(s3: Any, prefix: str) -> list[str]:
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix(prefix) for item in found]


def streams(emulator: Emulator, group: str, name: str) -> dict[str, list[str]]:
    """The lines of each host's log stream."""
    logs = emulator.client("logs")
    found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")
    lines = {}
    for stream in (stream["logStreamName"] for stream in found["logStreams"]):
        events = logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
        host = stream.removeprefix(f"{name}/").rpartition("-")[0]
        lines[host] = [event["message"] for event in events]
    return lines


@pytest.mark.parametrize("sharded", [True, False])
def test_processing_deals_inputs_and_uploads_every_instances_outputs(
    s3: Any, ended: Any, name: str, sharded: bool
) -> None:
    for i in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"{name}/in/{i}.txt", Body=b"x")
    script = HEAD + (
        "found = sorted(os.listdir(f'{ml}/processing/in'))\n"
        "told = {'inputs': found, 'resources': resources}\n"
        "json.dump(told, open(f'{ml}/processing/out/{host}.json', 'w'))\n"
        "open(f'{ml}/processing/out/same', 'w').write(host)\n"
    )
    kind = "ShardedByS3Key" if sharded else "FullyReplicated"
    source = processing_input("in", f"{name}/in/", S3DataDistributionType=kind)
    target = {
        "S3Uri": f"s3://{BUCKET}/{name}/out",
        "LocalPath": "/opt/ml/processing/out",
        "S3UploadMode": "EndOfJob",
    }
    request = processing(
        name,
        2,
        source,
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": target}]},
    )
    done = ended(script, request)
    assert done["ProcessingJobStatus"] == "Completed", done.get("FailureReason")
    assert keys(s3, f"{name}/out/") == ["algo-1.json", "algo-2.json", "same"]
    told = [
        json.load(s3.get_object(Bucket=BUCKET, Key=f"{name}/out/algo-{k}.json")["Body"])
        for k in (1, 2)
    ]
    assert [one["resources"]["current_host"] for one in told] == ["algo-1", "algo-2"]
    assert all(one["resources"]["hosts"] == ["algo-1", "algo-2"] for one in told)
    everything = [f"{i}.txt" for i in range(5)]
    if sharded:
        assert [len(one["inputs"]) for one in told] == [3, 2]
        assert sorted(told[0]["inputs"] + told[1]["inputs"]) == everything
    else:
        assert [one["inputs"] for one in told] == [everything] * 2
    assert s3.get_object(Bucket=BUCKET, Key=f"{name}/out/same")["Body"].read() == b"algo-1"


def test_hosts_reach_each_other_by_name_on_the_same_port(
    emulator: Emulator, ended: Any, name: str
) -> None:
    if emulator.about["runtime"] == "relocate":
        pytest.skip("host names have no addresses under relocate")
    done = ended(MEET, processing(name, 3))
    assert done["ProcessingJobStatus"] == "Completed", done.get("FailureReason")
    assert streams(emulator, "/aws/sagemaker/ProcessingJobs", name) == {
        "algo-1": ["met algo-2 algo-3"],
        "algo-2": ["sent algo-2"],
        "algo-3": ["sent algo-3"],
    }


def test_training_packs_what_all_instances_wrote(s3: Any, ended: Any, name: str) -> None:
    script = HEAD + (
        "os.makedirs(f'{ml}/model/shards')\n"
        "open(f'{ml}/model/shards/{host}', 'w').write(host)\n"
        "open(f'{ml}/model/config', 'w').write(host)\n"
        "open(f'{ml}/output/data/{host}', 'w').write(host)\n"
    )
    done = ended(script, training(name, PAIR))
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    assert members(s3, f"{name}/out/{name}/output/model.tar.gz") == {
        "config": b"algo-1",
        "shards/algo-1": b"algo-1",
        "shards/algo-2": b"algo-2",
    }
    assert sorted(members(s3, f"{name}/out/{name}/output/output.tar.gz")) == ["algo-1", "algo-2"]


def members(s3: Any, key: str) -> dict[str, bytes]:
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as opened:
        files = {m.name: opened.extractfile(m) for m in opened if m.isfile()}
        return {name: file.read() for name, file in files.items() if file}


def test_one_failing_instance_fails_the_job_and_ends_the_others(
    emulator: Emulator, ended: Any, name: str
) -> None:
    script = HEAD + (
        "if host == 'algo-2':\n"
        "    open(f'{ml}/output/failure', 'w').write('no gradient here')\n"
        "    sys.exit(3)\n"
        "time.sleep(60)\n"
    )
    done = ended(script, training(name, PAIR))
    assert done["TrainingJobStatus"] == "Failed"
    assert done["FailureReason"] == "AlgorithmError: no gradient here, exit code: 3"
    assert "ModelArtifacts" not in done


def test_last_lines_of_a_failure_are_of_the_instance_that_failed(ended: Any, name: str) -> None:
    script = HEAD + "print('I am', host)\ntime.sleep(60 * (host == 'algo-1'))\nsys.exit(5)\n"
    done = ended(script, processing(name, 2))
    assert done["FailureReason"].endswith("The last lines of algo-2:\nI am algo-2, exit code: 5")


def test_instance_groups_have_channels_and_hosts_of_their_own(
    s3: Any, ended: Any, name: str
) -> None:
    for i in range(4):
        s3.put_object(Bucket=BUCKET, Key=f"{name}/in/{i}", Body=b"x")
    script = HEAD + (
        "folder = f'{ml}/input/data/train'\n"
        "found = sorted(os.listdir(folder)) if os.path.isdir(folder) else None\n"
        "channels = list(json.load(open(f'{ml}/input/config/inputdataconfig.json')))\n"
        "told = {'found': found, 'channels': channels, 'resources': resources}\n"
        "json.dump(told, open(f'{ml}/model/{host}', 'w'))\n"
    )
    groups = [
        {"InstanceGroupName": "gpu", "InstanceType": "ml.g5.xlarge", "InstanceCount": 2},
        {"InstanceGroupName": "cpu", "InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
    ]
    only = {"S3DataDistributionType": "ShardedByS3Key", "InstanceGroupNames": ["gpu"]}
    train = channel("train", f"{name}/in/", **only)
    done = ended(script, training(name, {"InstanceGroups": groups}, train))
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    files = members(s3, f"{name}/out/{name}/output/model.tar.gz")
    told = [json.loads(files[f"algo-{k}"]) for k in (1, 2, 3)]
    assert [one["found"] for one in told] == [["0", "2"], ["1", "3"], None]
    assert [one["channels"] for one in told] == [["code", "train"]] * 2 + [["code"]]
    assert [one["resources"]["current_group_name"] for one in told] == ["gpu", "gpu", "cpu"]
    assert told[2]["resources"]["current_instance_type"] == "ml.c5.xlarge"
    assert told[0]["resources"]["instance_groups"] == [
        {"instance_group_name": "gpu", "instance_type": "ml.g5.xlarge", "hosts": hosts(1, 2)},
        {"instance_group_name": "cpu", "instance_type": "ml.c5.xlarge", "hosts": hosts(3)},
    ]


def hosts(*numbers: int) -> list[str]:
    return [f"algo-{number}" for number in numbers]


def test_stop_ends_the_instances_that_still_run(
    emulator: Emulator, sagemaker: Any, s3: Any, until: Callable[..., Any], name: str
) -> None:
    script = (
        HEAD + "print(host, 'of', sys.argv[1], flush=True)\ntime.sleep(60 * (host == 'algo-2'))"
    )
    s3.put_object(Bucket=BUCKET, Key=f"{name}/code/script", Body=script.encode())
    request = processing(name, 2)
    request["AppSpecification"]["ContainerArguments"] = [name]
    sagemaker.create_processing_job(**request)
    wait_until(lambda: f"algo-2 of {name}" in emulator.log("/aws/sagemaker/ProcessingJobs"))
    time.sleep(0.2)  # algo-1 has ended by now, as a rule
    sagemaker.stop_processing_job(ProcessingJobName=name)
    done = until(
        lambda: sagemaker.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus"
    )
    assert done["ProcessingJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (
            {"InstanceCount": 1, "InstanceGroups": [("a", 1)]},
            "InstanceGroups cannot be combined with InstanceCount",
        ),
        ({"InstanceGroups": [("a", 1), ("a", 1)]}, "the names must differ, and are a, a"),
        ({"InstanceGroups": [("a", 20), ("b", 1)]}, "asks for 21 instances.*at most 20"),
    ],
    ids=["both", "same name", "too many"],
)
def test_wrong_groups_are_refused(
    sagemaker: Any, name: str, resources: dict[str, Any], message: str
) -> None:
    resources["InstanceGroups"] = [
        {"InstanceGroupName": group, "InstanceType": "ml.m5.large", "InstanceCount": count}
        for group, count in resources["InstanceGroups"]
    ]
    with pytest.raises(ClientError, match=message):
        sagemaker.create_training_job(**training(name, resources))


def test_unknown_group_of_a_channel_is_refused(sagemaker: Any, name: str) -> None:
    request = training(name, PAIR, channel("train", "x", InstanceGroupNames=["none"]))
    with pytest.raises(ClientError, match="has no group none"):
        sagemaker.create_training_job(**request)


def test_two_jobs_have_addresses_of_their_own(tmp_path: Any) -> None:
    request = {"ResourceConfig": {"InstanceCount": 2}}
    pair = cluster.hosts_of(TRAINING, request)
    first = cluster.addresses(pair, tmp_path / "training-job-a")
    second = cluster.addresses(pair, tmp_path / "training-job-b")
    assert len({*first.values(), *second.values()}) == 4
    assert all(address.startswith("127.") for address in first.values())
