"""Data capture, as a client reads it from S3."""

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator
from endpoint_client import Hosting
from waiting import wait_until

SECOND = "%Y-%m-%dT%H:%M:%SZ"
JSON_TYPES = {"JsonContentTypes": ["application/json"], "CsvContentTypes": ["text/csv"]}


class Captured:
    """An endpoint with data capture, and what it has captured."""

    def __init__(self, emulator: Emulator, hosting: Hosting, name: str) -> None:
        self.name, self.sagemaker = name, hosting.sagemaker
        self._hosting = hosting
        self._s3, self._runtime = emulator.client("s3"), emulator.client("sagemaker-runtime")

    def serve(self, *modes: str, **changes: Any) -> None:
        capture = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/captured/{self.name}/",
            "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
            "CaptureContentTypeHeader": JSON_TYPES,
            **changes,
        }
        self._hosting.model(self.name)
        self._hosting.config(self.name, {"DataCaptureConfig": capture}, v=self.name)
        made = self._hosting.endpoint(self.name)
        assert made["EndpointStatus"] == "InService", made

    def invoke(self, body: bytes = b"1,2", **options: Any) -> bytes:
        options = {"ContentType": "text/csv", **options}
        answer = self._runtime.invoke_endpoint(EndpointName=self.name, Body=body, **options)
        read: bytes = answer["Body"].read()
        return read

    def keys(self) -> list[str]:
        prefix = f"captured/{self.name}/"
        listed = self._s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in listed]

    def lines(self) -> list[dict[str, Any]]:
        texts = [self._s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in self.keys()]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def wait(self, count: int) -> list[dict[str, Any]]:
        wait_until(lambda: len(self.lines()) >= count, 60)
        return self.lines()

    def described(self) -> Any:
        return self.sagemaker.describe_endpoint(EndpointName=self.name).get("DataCaptureConfig")


@pytest.fixture
def captured(emulator: Emulator, name: str, until: Callable[..., Any]) -> Iterator[Captured]:
    captured = Captured(emulator, Hosting(emulator, until), name)
    yield captured
    if name in [each["EndpointName"] for each in captured.sagemaker.list_endpoints()["Endpoints"]]:
        captured.sagemaker.delete_endpoint(EndpointName=name)


def test_input_and_output_are_lines_in_the_bucket(captured: Captured) -> None:
    captured.serve("Input", "Output")
    before = time.strftime(SECOND, time.gmtime())
    answer = captured.invoke(b"1,2", CustomAttributes="bin=7", InferenceId="photo-1")
    (line,) = captured.wait(1)
    about = line["eventMetadata"]
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", about.pop("eventId"))
    assert (
        before <= about.pop("inferenceTime") <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    )
    assert line == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv",
                "mode": "INPUT",
                "data": "1,2",
                "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": answer.decode(),
                "encoding": "JSON",
            },
        },
        "eventMetadata": {"customAttributes": ["bin=7"], "inferenceId": "photo-1"},
        "eventVersion": "0",
    }


def test_key_names_endpoint_variant_and_the_hour_of_the_invocation(captured: Captured) -> None:
    captured.serve("Output")
    captured.invoke()
    (line,) = captured.wait(1)
    year, month, day, hour, minute, second = re.findall(
        r"\d+", line["eventMetadata"]["inferenceTime"]
    )
    folder = f"captured/{captured.name}/{captured.name}/v/{year}/{month}/{day}/{hour}"
    (key,) = captured.keys()
    assert re.fullmatch(rf"{folder}/{minute}-{second}-\d{{3}}-[0-9a-f-]{{36}}\.jsonl", key)


def test_output_only_stores_nothing_of_the_request(captured: Captured) -> None:
    captured.serve("Output")
    captured.invoke(b"refuse nothing of this photo", ContentType="image/png")
    (line,) = captured.wait(1)
    assert set(line["captureData"]) == {"endpointOutput"}
    assert "customAttributes" not in line["eventMetadata"]


def test_content_types_that_no_header_names_are_base64(captured: Captured) -> None:
    captured.serve("InputAndOutput", CaptureContentTypeHeader={"CsvContentTypes": ["text/csv"]})
    answer = captured.invoke(b"photo", ContentType="image/jpeg")
    (line,) = captured.wait(1)
    given, returned = line["captureData"]["endpointInput"], line["captureData"]["endpointOutput"]
    assert (given["encoding"], returned["encoding"]) == ("BASE64", "BASE64")
    assert base64.b64decode(given["data"]) == b"photo"
    assert base64.b64decode(returned["data"]) == answer


def test_answers_that_are_errors_are_not_captured(captured: Captured) -> None:
    captured.serve("Output")
    with pytest.raises(ClientError, match="not a picture"):
        captured.invoke(b"refuse")
    captured.invoke(InferenceId="later")
    assert [line["eventMetadata"]["inferenceId"] for line in captured.wait(1)] == ["later"]


def test_deletion_writes_what_waits(captured: Captured) -> None:
    captured.serve("Output")
    for _ in range(3):
        captured.invoke()
    captured.sagemaker.delete_endpoint(EndpointName=captured.name)
    assert len(captured.lines()) == 3


def test_endpoint_shows_its_capture(captured: Captured) -> None:
    captured.serve("Output", KmsKeyId="alias/key")
    assert captured.described() == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/captured/{captured.name}/",
        "KmsKeyId": "alias/key",
    }


def test_capture_that_is_off_stores_nothing(captured: Captured) -> None:
    captured.serve("Output", EnableCapture=False)
    captured.invoke()
    described = captured.described()
    assert (described["EnableCapture"], described["CaptureStatus"]) == (False, "Stopped")
    captured.sagemaker.delete_endpoint(EndpointName=captured.name)
    assert captured.keys() == []


def test_bucket_that_is_missing_fails_no_invocation(captured: Captured, emulator: Emulator) -> None:
    captured.serve("Output", DestinationS3Uri=f"s3://nowhere-{captured.name}/captured")
    assert captured.invoke()
    wait_until(lambda: captured.described()["CaptureStatus"] == "Stopped", 60)
    log = (emulator.state / "log.txt").read_text()
    lost = f"endpoint {captured.name}, variant v: 1 captured invocations are lost"
    assert f"{lost}: the bucket 'nowhere-{captured.name}' does not exist" in log


def test_destination_that_no_object_can_have_is_refused(captured: Captured) -> None:
    with pytest.raises(ClientError, match=r"DestinationS3Uri.*'\.\.' between its slashes"):
        captured.serve("Output", DestinationS3Uri=f"s3://{BUCKET}/../x")


def test_a_server_that_is_stopped_writes_what_waits(
    own_emulator: Callable[..., Emulator], until: Callable[..., Any]
) -> None:
    emulator = own_emulator()
    assert emulator.up().returncode == 0
    emulator.client("s3").create_bucket(Bucket=BUCKET)
    captured = Captured(emulator, Hosting(emulator, until), "e")
    captured.serve("Output")
    captured.invoke()
    emulator.down()
    (file,) = (emulator.state / "s3" / BUCKET / "captured").rglob("*.jsonl")
    assert len(file.read_text().splitlines()) == 1
