"""Clients that write while the server is killed again and again, and what they must find again.

Each writer runs in a thread. What the server acknowledged is written down; a request that got no
response may have been carried out or not.
"""

import hashlib
import itertools
import random
import threading
import time
from collections.abc import Iterable
from typing import ClassVar

from botocore.exceptions import BotoCoreError
from emulator_process import Emulator
from pipeline_client import PipelineClient, python

BUCKET = "bucket"  # which the steps of `pipeline_client` write to, too
PIPELINE = "kept"


class Writer(threading.Thread):
    """Writes one kind of thing until it is told to stop.

    Attributes:
        acknowledged: How many requests the server has acknowledged.
        failure: The first response that reports an error.
    """

    pause: ClassVar[float] = 0.01

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(name=type(self).__name__, daemon=True)
        self.emulator = emulator
        self.acknowledged = 0
        self.failure: Exception | None = None
        self.over = threading.Event()

    def run(self) -> None:
        for number in itertools.count():
            if self.over.wait(self.pause):
                return
            try:
                self.write(number)
                self.acknowledged += 1
            except BotoCoreError:  # the server was killed: nothing was acknowledged
                time.sleep(0.05)
            except Exception as error:
                self.failure = error
                return

    def write(self, number: int) -> None:
        """Make one request and write down what it is to leave."""
        raise NotImplementedError

    def lost(self) -> Iterable[str]:
        """What was acknowledged and is not there."""
        raise NotImplementedError


class Groups(Writer):
    """Model package groups are created, and every third is deleted again."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.client = emulator.client("sagemaker")
        self.exist: set[str] = set()
        self.deleted: set[str] = set()

    def write(self, number: int) -> None:
        name = f"group-{number}"
        self.client.create_model_package_group(ModelPackageGroupName=name)
        self.exist.add(name)
        if number % 3 == 0:
            self.exist.discard(name)
            self.client.delete_model_package_group(ModelPackageGroupName=name)
            self.deleted.add(name)

    def lost(self) -> Iterable[str]:
        pages = self.client.get_paginator("list_model_package_groups").paginate()
        found = {
            group["ModelPackageGroupName"]
            for page in pages
            for group in page["ModelPackageGroupSummaryList"]
        }
        return [f"group {name}" for name in self.exist - found] + [
            f"deletion of {name}" for name in self.deleted & found
        ]


class Updates(Writer):
    """A pipeline is updated: its description is a number that grows."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.client = emulator.client("sagemaker")
        self.last = -1

    def write(self, number: int) -> None:
        self.client.update_pipeline(PipelineName=PIPELINE, PipelineDescription=str(number))
        self.last = number

    def lost(self) -> Iterable[str]:
        found = self.client.describe_pipeline(PipelineName=PIPELINE).get("PipelineDescription")
        return [] if int(found or -1) >= self.last else [f"update {self.last}, there is {found}"]


class Tags(Writer):
    """The forty tags of a pipeline get numbers that grow."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.client = emulator.client("sagemaker")
        self.arn = self.client.describe_pipeline(PipelineName=PIPELINE)["PipelineArn"]
        self.last: dict[str, int] = {}

    def write(self, number: int) -> None:
        key = f"key-{number % 40}"
        self.client.add_tags(ResourceArn=self.arn, Tags=[{"Key": key, "Value": str(number)}])
        self.last[key] = number

    def lost(self) -> Iterable[str]:
        pages = self.client.get_paginator("list_tags").paginate(ResourceArn=self.arn)
        found = {tag["Key"]: int(tag["Value"]) for page in pages for tag in page["Tags"]}
        return [f"tag {key}={n}" for key, n in self.last.items() if found.get(key, -1) < n]


class Objects(Writer):
    """Objects of many sizes with metadata are put, and every fourth is deleted again."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.client = emulator.client("s3")
        self.random = random.Random(4)
        self.exist: dict[str, str] = {}
        self.deleted: set[str] = set()

    def write(self, number: int) -> None:
        key, body = f"objects/{number}", self.random.randbytes(self.random.randrange(200_000))
        digest = hashlib.sha256(body).hexdigest()
        metadata = {"digest": digest}
        self.client.put_object(
            Bucket=BUCKET, Key=key, Body=body, Metadata=metadata, ContentType="text/x-kept"
        )
        self.exist[key] = digest
        if number % 4 == 0:
            del self.exist[key]
            self.client.delete_object(Bucket=BUCKET, Key=key)
            self.deleted.add(key)

    def lost(self) -> Iterable[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        found = {entry["Key"] for page in pages for entry in page.get("Contents", [])}
        yield from (f"deletion of {key}" for key in self.deleted & found)
        for key, digest in self.exist.items():
            if key not in found:
                yield f"object {key}"
                continue
            response = self.client.get_object(Bucket=BUCKET, Key=key)
            if hashlib.sha256(response["Body"].read()).hexdigest() != digest:
                yield f"content of {key}"
            if response["Metadata"] != {"digest": digest}:
                yield f"metadata of {key}"
            if response["ContentType"] != "text/x-kept":
                yield f"content type of {key}"


class Events(Writer):
    """Batches of three events are put into a log stream."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.client = emulator.client("logs")
        self.stream = {"logGroupName": "/kept", "logStreamName": "stream"}
        self.client.create_log_group(logGroupName="/kept")
        self.client.create_log_stream(**self.stream)
        self.messages: list[str] = []

    def write(self, number: int) -> None:
        messages = [f"{number}.{i}" for i in range(3)]
        events = [{"timestamp": int(time.time() * 1000), "message": m} for m in messages]
        self.client.put_log_events(logEvents=events, **self.stream)
        self.messages += messages

    def lost(self) -> Iterable[str]:
        found: list[str] = []
        request = dict(self.stream)
        while True:
            page = self.client.get_log_events(startFromHead=True, **request)
            found += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == request.get("nextToken"):
                break
            request["nextToken"] = page["nextForwardToken"]
        there = set(found)
        return [f"event {message}" for message in self.messages if message not in there]


class Executions(Writer):
    """Executions of a pipeline with a job that takes a second are started; they continue."""

    pause = 1.5

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.pipeline = PipelineClient(emulator.client("sagemaker"), PIPELINE)
        self.arns: list[str] = []

    def write(self, number: int) -> None:
        self.arns.append(self.pipeline.start())

    def lost(self) -> Iterable[str]:
        for arn in self.arns:
            if (status := self.pipeline.finish(arn, 120)) != "Succeeded":
                yield f"execution {arn} is {status}"


def prepare(emulator: Emulator) -> list[Writer]:
    """Make what the writers write to, and the writers."""
    emulator.client("s3").create_bucket(Bucket=BUCKET)
    pipeline = PipelineClient(emulator.client("sagemaker"), PIPELINE)
    pipeline.create(python("Step", "import time; time.sleep(1)"))
    kinds: tuple[type[Writer], ...] = (Groups, Updates, Tags, Objects, Events, Executions)
    return [kind(emulator) for kind in kinds]


def kill_again_and_again(emulator: Emulator, writers: list[Writer], kills: int) -> None:
    """Let the writers write, kill the server, start it again; in the end all writers stop."""
    moments = random.Random(3)
    for writer in writers:
        writer.start()
    for _ in range(kills):
        time.sleep(moments.uniform(1.0, 4.0))
        emulator.kill()
        started = emulator.up()
        assert started.returncode == 0, started.stderr
    time.sleep(1.0)
    for writer in writers:
        writer.over.set()
    for writer in writers:
        writer.join(60)
