"""Data capture: what an endpoint was asked and answered, as JSON lines in S3.

Form of the lines, and of their keys: SageMaker developer guide, "Capture data from real-time
endpoint"; `customAttributes` is a list there, whose first item is the request's header.
"""

import base64
import dataclasses
import itertools
import json
import logging
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.serving_ports import Exchange
from sagemaker_emulator.errors import JobFailed, invalid
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.location import Location

PERIOD_SECONDS = 2.0
LARGE = 8 << 20  # bytes that are written without waiting for the end of the period
MOST = 128 << 20  # bytes that may wait to be written
_HOUR = 3600

_log = logging.getLogger("emulator.capture")


def line(exchange: Exchange, config: Mapping[str, Any]) -> str:
    """An exchange as a line of a captured file.

    Args:
        exchange: of the endpoint.
        config: its DataCaptureConfig.
    """
    header = config.get("CaptureContentTypeHeader", {})
    modes = _modes(config)
    data: dict[str, object] = {}
    if "Input" in modes:
        data["endpointInput"] = _data("INPUT", exchange.content_type, exchange.body, header)
    if "Output" in modes:
        data["endpointOutput"] = _data("OUTPUT", exchange.answer_type, exchange.answer, header)
    about: dict[str, object] = {"eventId": str(uuid.uuid4())}
    if exchange.attributes:
        about["customAttributes"] = [exchange.attributes]
    if exchange.inference_id:
        about["inferenceId"] = exchange.inference_id
    about["inferenceTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(exchange.time))
    document = {"captureData": data, "eventMetadata": about, "eventVersion": "0"}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _modes(config: Mapping[str, Any]) -> set[str]:
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    return {"Input", "Output"} if "InputAndOutput" in modes else modes


def _data(mode: str, content_type: str, body: bytes, header: Mapping[str, Any]) -> dict[str, str]:
    """One side of an exchange: text where the header names its content type, else base64."""
    kind = content_type.partition(";")[0].strip().lower()
    encoding, text = "BASE64", ""
    for name, types in (("CSV", "CsvContentTypes"), ("JSON", "JsonContentTypes")):
        if kind in [each.lower() for each in header.get(types, [])]:
            encoding = name
            break
    if encoding != "BASE64":
        try:
            text = body.decode()
        except UnicodeDecodeError:  # it is not what its content type says
            encoding = "BASE64"
    if encoding == "BASE64":
        text = base64.b64encode(body).decode()
    return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}


def check(config: Mapping[str, Any]) -> None:
    """Check a DataCaptureConfig of a request.

    Raises:
        ApiError: no object can have a key below its DestinationS3Uri.
    """
    try:
        Location.parse(config["DestinationS3Uri"])
    except JobFailed as problem:
        text = str(problem).removeprefix("ClientError: ")
        raise invalid(f"DataCaptureConfig.DestinationS3Uri: {text}.") from None


def is_on(config: Mapping[str, Any] | None) -> bool:
    """Whether a DataCaptureConfig captures; it does unless EnableCapture is false."""
    return config is not None and config.get("EnableCapture", True)


class Captures:
    """The captured exchanges of one server, on their way to S3.

    They are written within seconds by a thread of its own, so that no invocation waits for the
    disk. What cannot be written is lost and logged; a kill loses what waits.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._changed = threading.Condition()
        self._waiting: list[tuple[Exchange, Mapping[str, Any]]] = []
        self._size = 0
        self._broken: set[str] = set()  # the endpoints whose last file could not be written
        self._writes = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def record(self, config: Mapping[str, Any] | None, exchange: Exchange) -> None:
        """Keep an exchange, if it is one of the sampled ones; it takes microseconds.

        Args:
            config: the DataCaptureConfig of the endpoint's configuration, if it has one.
            exchange: whatever the endpoint answered.
        """
        if config is None or not is_on(config):
            return
        if random.random() * 100 >= config["InitialSamplingPercentage"]:
            return
        modes = _modes(config)  # what is not captured takes no memory
        body = exchange.body if "Input" in modes else b""
        answer = exchange.answer if "Output" in modes else b""
        exchange = dataclasses.replace(exchange, body=body, answer=answer)
        size = len(exchange.body) + len(exchange.answer)
        with self._changed:
            if self._size + size > MOST:
                reason = f"{MOST >> 20} MiB of captured data wait for the disk already"
                self._lost(exchange.endpoint, exchange.variant, 1, reason)
                return
            self._waiting.append((exchange, config))
            self._size += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="capture", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, endpoint: str | None = None) -> None:
        """Write what waits, of one endpoint or of all, before returning."""
        with self._writes:
            with self._changed:
                taken = [each for each in self._waiting if endpoint in (None, each[0].endpoint)]
                kept = [each for each in self._waiting if endpoint not in (None, each[0].endpoint)]
                self._waiting = kept
            self._write(taken)
            with self._changed:
                self._size -= sum(len(one.body) + len(one.answer) for one, _ in taken)

    def describe(self, endpoint: str, config: Mapping[str, Any]) -> dict[str, object]:
        """DescribeEndpoint's DataCaptureConfig.

        Args:
            endpoint: the endpoint's name.
            config: the DataCaptureConfig of its configuration.
        """
        works = is_on(config) and endpoint not in self._broken
        return {
            "EnableCapture": is_on(config),
            "CaptureStatus": "Started" if works else "Stopped",
            "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
            "DestinationS3Uri": config["DestinationS3Uri"],
            "KmsKeyId": config.get("KmsKeyId", ""),
        }

    def forget(self, endpoint: str) -> None:
        """Write what waits of an endpoint that is deleted."""
        self.flush(endpoint)
        self._broken.discard(endpoint)

    def start(self) -> None:
        """Nothing is left of an earlier server."""

    def stop(self) -> None:
        """Write what waits."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self.flush()

    def _write_on(self) -> None:
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                self._changed.wait_for(
                    lambda: self._size >= LARGE or self._stopping, PERIOD_SECONDS
                )
            self.flush()

    def _write(self, taken: Iterable[tuple[Exchange, Mapping[str, Any]]]) -> None:
        def place(each: tuple[Exchange, Mapping[str, Any]]) -> tuple[str, str, str, int]:
            exchange, config = each
            hour = int(exchange.time // _HOUR)
            return config["DestinationS3Uri"], exchange.endpoint, exchange.variant, hour

        # Sorted by place, then by time: two configurations may have one destination.
        ordered = sorted(taken, key=lambda each: (place(each), each[0].time))
        for (uri, endpoint, variant, _), group in itertools.groupby(ordered, place):
            members = list(group)
            lines = [line(exchange, config) for exchange, config in members]
            try:
                self._put(uri, endpoint, variant, members[0][0].time, lines)
            except (JobFailed, OSError) as problem:
                self._broken.add(endpoint)
                self._lost(endpoint, variant, len(lines), str(problem))
            else:
                self._broken.discard(endpoint)

    def _put(self, uri: str, endpoint: str, variant: str, when: float, lines: list[str]) -> None:
        """Write lines to an object of their own.

        Raises:
            JobFailed: there is no such bucket, or the key cannot be written.
            OSError: the disk is full.
        """
        root = self._context.s3.folder
        target = Location.parse(uri)
        if not (root / target.bucket).is_dir():
            raise JobFailed(f"the bucket {target.bucket!r} does not exist")
        moment = time.gmtime(when)
        name = time.strftime("%M-%S", moment) + f"-{int(when * 1000) % 1000:03d}-{uuid.uuid4()}"
        prefix = f"{target.key.rstrip('/')}/" if target.key.strip("/") else ""
        folders = time.strftime("%Y/%m/%d/%H", moment)
        key = f"{prefix}{endpoint}/{variant}/{folders}/{name}.jsonl"
        uploads = s3_files.uploads_folder(root) / "jobs"
        uploads.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=uploads) as folder:
            whole = Path(folder, "lines")
            whole.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            s3_files.put(whole, root, Location(target.bucket, key))

    def _lost(self, endpoint: str, variant: str, count: int, reason: str) -> None:
        _log.warning(
            "endpoint %s, variant %s: %d captured invocations are lost: %s",
            *(endpoint, variant, count, reason),
        )
