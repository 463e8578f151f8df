"""Channels of InputMode Pipe: FIFOs, one for each epoch, fed while a job runs."""

import gzip
import io
import json
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs.pipe import Pipe

# Reads as many epochs of each channel as the hyperparameter has, and keeps them in the model.
READ = """
import json, os
ml = os.environ.get("OPT_ML", "/opt/ml")
hyperparameters = json.load(open(f"{ml}/input/config/hyperparameters.json"))
channels = json.load(open(f"{ml}/input/config/inputdataconfig.json"))
for name in channels:
    if channels[name]["TrainingInputMode"] == "Pipe":
        for epoch in range(int(hyperparameters["epochs"])):
            data = open(f"{ml}/input/data/{name}_{epoch}", "rb").read()
            open(f"{ml}/model/{name}_{epoch}", "wb").write(data)
json.dump(channels, open(f"{ml}/model/channels.json", "w"))
"""


def channel(name: str, mode: str = "Pipe", **changes: Any) -> dict[str, Any]:
    source = {
        "S3DataType": "S3Prefix",
        **{key: changes.pop(key) for key in list(changes) if key in SOURCE},
    }
    return {
        "ChannelName": name,
        "InputMode": mode,
        "DataSource": {"S3DataSource": source},
        **changes,
    }


SOURCE = ("S3Uri", "S3DataType", "S3DataDistributionType", "AttributeNames")


def request(name: str, *channels: Any, epochs: int = 1, instances: int = 1) -> dict[str, Any]:
    code = channel("code", "File", S3Uri=f"s3://{BUCKET}/{name}/code/")
    return {
        "TrainingJobName": name,
        "RoleArn": "arn:aws:iam::123456789012:role/service-role/runs-jobs",
        "AlgorithmSpecification": {
            "TrainingImage": "plain",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/script"],
        },
        "HyperParameters": {"epochs": str(epochs)},
        "InputDataConfig": [code, *channels],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": instances,
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


@pytest.fixture
def put(s3: Any, name: str) -> Callable[[str, bytes], str]:
    """A function that puts an object into the test's folder and returns its address."""

    def put_object(key: str, body: bytes) -> str:
        s3.put_object(Bucket=BUCKET, Key=f"{name}/{key}", Body=body)
        return f"s3://{BUCKET}/{name}/{key}"

    return put_object


@pytest.fixture
def trained(
    sagemaker: Any, put: Callable[[str, bytes], str], until: Callable[..., Any], name: str
) -> Callable[[dict[str, Any]], Any]:
    def run(job: dict[str, Any], script: str = READ) -> Any:
        put("code/script", script.encode())
        sagemaker.create_training_job(**job)
        return until(
            lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus"
        )

    return run


def model(s3: Any, ended: Any) -> dict[str, bytes]:
    assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")
    bucket, _, key = ended["ModelArtifacts"]["S3ModelArtifacts"][5:].partition("/")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as opened:
        files = {member.name: opened.extractfile(member) for member in opened if member.isfile()}
        return {name: file.read() for name, file in files.items() if file}


def recordio(*records: bytes) -> bytes:
    heads = (b"\x0a\x23\xd7\xce" + len(each).to_bytes(4, "little") for each in records)
    return b"".join(
        head + each + b"\0" * (-len(each) % 4) for head, each in zip(heads, records, strict=True)
    )


def test_every_epoch_is_a_fifo_with_all_objects(s3: Any, put: Any, trained: Any, name: str) -> None:
    large = os.urandom(300_000)
    put("in/1", b"one ")
    put("in/2", large)
    put("zip/1", gzip.compress(b"un") + gzip.compress(b"packed"))
    folder = f"s3://{BUCKET}/{name}"
    ended = trained(
        request(
            name,
            channel("plain", S3Uri=f"{folder}/in/"),
            channel("packed", S3Uri=f"{folder}/zip/", CompressionType="Gzip"),
            channel("records", S3Uri=f"{folder}/in/", RecordWrapperType="RecordIO"),
            epochs=3,
        )
    )
    files = model(s3, ended)
    assert [files[f"plain_{epoch}"] for epoch in range(3)] == [b"one " + large] * 3
    assert files["packed_2"] == b"unpacked"
    assert files["records_1"] == recordio(b"one ", large)
    told = json.loads(files["channels.json"])
    assert told["records"]["RecordWrapperType"] == "RecordIO"
    assert told["plain"]["TrainingInputMode"] == "Pipe"


def test_augmented_manifest_is_a_stream_of_attributes(
    s3: Any, put: Any, trained: Any, name: str
) -> None:
    lines = [
        {"image-ref": put("1.jpg", b"jpeg1"), "label": 1, "note": "cat\u2028"},
        {"image-ref": put("2.jpg", b"jpeg22"), "label": {"boxes": [1]}, "note": "dog"},
    ]
    uri = put(
        "list.jsonl", "\n".join(json.dumps(each, ensure_ascii=False) for each in lines).encode()
    )
    ended = trained(
        request(
            name,
            channel(
                "train",
                S3Uri=uri,
                S3DataType="AugmentedManifestFile",
                AttributeNames=["image-ref", "label", "note"],
                RecordWrapperType="RecordIO",
            ),
        )
    )
    expected = recordio(b"jpeg1", b"1", "cat\u2028".encode(), b"jpeg22", b'{"boxes": [1]}', b"dog")
    assert model(s3, ended)["train_0"] == expected


def test_shuffled_epochs_differ_and_shares_are_disjoint(
    s3: Any, put: Any, trained: Any, name: str
) -> None:
    for i in range(10):
        put(f"in/{i}", str(i).encode())
    script = READ.replace("{ml}/model/{name}", "{ml}/model/{host}_{name}")
    host = 'host = json.load(open(f"{ml}/input/config/resourceconfig.json"))["current_host"]\n'
    script = script.replace("hyperparameters =", host + "hyperparameters =", 1)
    train = channel(
        "train",
        S3Uri=f"s3://{BUCKET}/{name}/in/",
        S3DataDistributionType="ShardedByS3Key",
        ShuffleConfig={"Seed": 3},
    )
    files = model(s3, trained(request(name, train, epochs=2, instances=2), script))
    epochs = [[files[f"algo-{host}_train_{epoch}"].decode() for host in (1, 2)] for epoch in (0, 1)]
    assert all(sorted(a + b) == list("0123456789") and len(a) == 5 for a, b in epochs)
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b'{"label": 1}\n{"other": 2}', "has no attribute 'label'"),
        (b'{"label": 1}\n[]', r"is no JSON object: \[\]"),
        (b'{"label": 1}\n{"label": "\xff"}', 'is no JSON object: {"label": "\ufffd"}'),
        (b'{"label": 1}\n' + b"[" * 100_000, r"is no JSON object: \[\[\["),
    ],
)
def test_wrong_line_of_an_augmented_manifest_fails_the_job(
    put: Any, trained: Any, name: str, lines: bytes, message: str
) -> None:
    uri = put("list.jsonl", lines)
    train = channel(
        "train", S3Uri=uri, S3DataType="AugmentedManifestFile", AttributeNames=["label"]
    )
    ended = trained(request(name, train), READ + "\nimport time; time.sleep(60)\n")
    assert ended["TrainingJobStatus"] == "Failed"
    with pytest.raises(RuntimeError, match=message):
        raise RuntimeError(ended["FailureReason"])


def test_object_that_is_no_gzip_fails_the_job(put: Any, trained: Any, name: str) -> None:
    put("in/1", b"plain text")
    train = channel("train", S3Uri=f"s3://{BUCKET}/{name}/in/", CompressionType="Gzip")
    ended = trained(request(name, train))
    assert ended["TrainingJobStatus"] == "Failed"
    assert "1 cannot be decompressed, as CompressionType Gzip asks" in ended["FailureReason"]


def test_channel_that_nobody_reads_does_not_hold_up_the_end(
    s3: Any, put: Any, trained: Any, name: str
) -> None:
    put("in/1", b"one")
    train = channel("train", S3Uri=f"s3://{BUCKET}/{name}/in/")
    assert "train_0" not in model(s3, trained(request(name, train, epochs=0)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"CompressionType": "Gzip"}, "CompressionType Gzip can only be used with InputMode Pipe"),
        (
            {"RecordWrapperType": "RecordIO"},
            "RecordWrapperType RecordIO can only be used with InputMode Pipe",
        ),
        (
            {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["a"]},
            "AugmentedManifestFile can only be used with InputMode Pipe, not File",
        ),
        ({"S3DataType": "AugmentedManifestFile"}, "need each other"),
        ({"AttributeNames": ["a"]}, "need each other"),
    ],
)
def test_what_needs_pipe_mode_is_refused_in_file_mode(
    sagemaker: Any, name: str, changes: dict[str, Any], message: str
) -> None:
    job = request(name, channel("train", "File", S3Uri=f"s3://{BUCKET}/x", **changes))
    with pytest.raises(ClientError, match=message):
        sagemaker.create_training_job(**job)


def test_reader_that_leaves_early_gets_the_next_epoch(tmp_path: Path) -> None:
    def data(epoch: int) -> Iterator[bytes]:
        yield f"epoch {epoch}".encode()
        for _ in range(100):
            yield bytes(100_000)

    pipe = Pipe(tmp_path, "c", data, lambda: None)
    pipe.open()
    for epoch in range(2):
        with (tmp_path / f"c_{epoch}").open("rb") as fifo:
            assert fifo.read(7) == f"epoch {epoch}".encode()
    pipe.close()
    assert pipe.error is None
    assert not (tmp_path / "c_0").exists()


def test_feeding_ends_while_a_reader_waits(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, "c", lambda _: iter([bytes(1 << 20)]), lambda: None)
    pipe.open()
    with (tmp_path / "c_0").open("rb") as fifo:
        assert fifo.read(1) == b"\0"
        began = time.monotonic()
        pipe.close()
        assert time.monotonic() - began < 5
    assert pipe.error is None


@pytest.mark.parametrize("fault", [JobFailed("gone"), RuntimeError("gone")])
def test_data_that_end_too_early_are_told(tmp_path: Path, fault: Exception) -> None:
    def data(_: int) -> Iterator[bytes]:
        yield b"x"
        raise fault

    failed = threading.Event()
    pipe = Pipe(tmp_path, "c", data, failed.set)
    pipe.open()
    assert (tmp_path / "c_0").read_bytes() == b"x"
    assert failed.wait(5)
    pipe.close()
    assert str(pipe.error) == "gone"
