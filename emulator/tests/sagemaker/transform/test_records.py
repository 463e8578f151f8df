"""Transform jobs over records of binary formats, packed objects and manifests."""

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from transform_batch import BUCKET, Batch

from sagemaker_emulator.sagemaker.transform.records import split


def tfrecord(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + b"aaaa" + text.encode() + b"bbbb"


def recordio(text: str, part: int = 0) -> bytes:
    word = part << 29 | len(text)
    return struct.pack("<II", 0xCED7230A, word) + text.encode() + b" " * (-len(text) % 4)


def put(batch: Batch, key: str, body: bytes) -> None:
    batch.s3.put_object(Bucket=BUCKET, Key=f"{batch.name}/{key}", Body=body)


def told(batch: Batch, key: str) -> list[Any]:
    body = batch.s3.get_object(Bucket=BUCKET, Key=f"{batch.name}/out/{key}")["Body"].read()
    return [json.loads(line) for line in body.splitlines()]


def changed(batch: Batch, **source: Any) -> dict[str, Any]:
    parts = batch.request()
    return {
        "TransformInput": parts["TransformInput"] | source,
        "TransformOutput": parts["TransformOutput"] | {"AssembleWith": "Line"},
    }


def test_records_are_sent_with_their_frames(batch: Batch) -> None:
    batch.model()
    put(batch, "in/a", tfrecord("one") + tfrecord("two"))
    ended = batch.run(BatchStrategy="SingleRecord", **changed(batch, SplitType="TFRecord"))
    assert ended["TransformJobStatus"] == "Completed", ended
    texts = [each["text"] for each in told(batch, "a.out")]
    assert texts == [tfrecord("one").decode(), tfrecord("two").decode()]


def test_packed_objects_are_unpacked(batch: Batch) -> None:
    batch.model()
    put(batch, "in/a.gz", gzip.compress(b"one\ntwo\n"))
    packed = changed(batch, SplitType="Line", CompressionType="Gzip")
    ended = batch.run(BatchStrategy="SingleRecord", **packed)
    assert ended["TransformJobStatus"] == "Completed", ended
    assert [each["text"] for each in told(batch, "a.gz.out")] == ["one\n", "two\n"]
    listed = batch.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{batch.name}/out/")
    assert listed["KeyCount"] == 1


def test_object_that_is_not_packed_fails_the_job(batch: Batch) -> None:
    batch.model()
    put(batch, "in/a", b"not packed")
    ended = batch.run(**changed(batch, CompressionType="Gzip"))
    assert ended["TransformJobStatus"] == "Failed"
    assert "the object cannot be decompressed: Not a gzipped file" in ended["FailureReason"]


def test_objects_of_a_manifest_are_transformed(batch: Batch) -> None:
    batch.model()
    for key in ("one", "two", "three"):
        put(batch, f"in/{key}", key.encode())
    manifest = [{"prefix": f"s3://{BUCKET}/{batch.name}/in/"}, "three", "one"]
    put(batch, "manifest.json", json.dumps(manifest).encode())
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/{batch.name}/manifest.json"}
    ended = batch.run(**changed(batch, DataSource={"S3DataSource": source}))
    assert ended["TransformJobStatus"] == "Completed", ended
    listed = batch.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{batch.name}/out/")["Contents"]
    assert [each["Key"].rpartition("/")[2] for each in listed] == ["one.out", "three.out"]


@pytest.mark.parametrize(
    ("kind", "content", "records"),
    [
        ("Line", b"a\nb", [b"a\n", b"b"]),
        ("TFRecord", tfrecord("a") + tfrecord(""), [tfrecord("a"), tfrecord("")]),
        ("RecordIO", recordio("a") + recordio("four"), [recordio("a"), recordio("four")]),
        # A record in parts: begun, continued, ended.
        (
            "RecordIO",
            recordio("a", 1) + recordio("b", 2) + recordio("c", 3) + recordio("d"),
            [recordio("a", 1) + recordio("b", 2) + recordio("c", 3), recordio("d")],
        ),
    ],
)
def test_object_is_split_into_its_records(
    tmp_path: Path, kind: str, content: bytes, records: list[bytes]
) -> None:
    file = tmp_path / "object"
    file.write_bytes(content)
    assert list(split(file, kind)) == records


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        ("TFRecord", tfrecord("a")[:-1], "ends within a record of TFRecord"),
        ("TFRecord", b"some text that is none", "is no TFRecord: a record would have"),
        ("TFRecord", struct.pack("<Q", 1 << 39) + b"aaaa", "would have 549755813892 bytes"),
        ("TFRecord", b"x", "ends within a record"),
        ("RecordIO", recordio("abc")[:-1], "ends within a record of RecordIO"),
        ("RecordIO", recordio("abc", 1), "ends within a record of RecordIO"),
        ("RecordIO", b"some text", "is no RecordIO"),
    ],
)
def test_damaged_object_is_not_split(
    tmp_path: Path, kind: str, content: bytes, problem: str
) -> None:
    file = tmp_path / "object"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        list(split(file, kind))
