"""Which objects an input of a job has, which of them each instance gets, and in which form.

Contract: API reference of Channel, S3DataSource, ProcessingS3Input and ShuffleConfig.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import records
from sagemaker_emulator.sagemaker.jobs.instance import Instance
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.sagemaker.jobs.pipe import Pipe
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.location import Location

DATA_TYPES = ("S3Prefix", "ManifestFile", "AugmentedManifestFile")
Objects = list[tuple[str, Path]]  # the name in the input's folder, and the file of each object
LARGEST_MANIFEST = 256 << 20  # bytes


@dataclass(frozen=True)
class Input:
    """The S3 source of a training channel or of a processing input.

    Attributes:
        uri: a prefix or the object that is the manifest.
        data_type: S3Prefix, ManifestFile or AugmentedManifestFile.
        sharded: whether each instance gets a part of the objects.
        seed: of the shuffling, or None.
    """

    uri: str
    data_type: str = "S3Prefix"
    sharded: bool = False
    seed: int | None = None

    @classmethod
    def of_channel(cls, channel: Mapping[str, Any]) -> Input:
        """The source of a channel of InputDataConfig."""
        source = channel["DataSource"]["S3DataSource"]
        return cls(
            source["S3Uri"],
            source["S3DataType"],
            source.get("S3DataDistributionType") == "ShardedByS3Key",
            channel.get("ShuffleConfig", {}).get("Seed"),
        )

    @classmethod
    def of_processing(cls, source: Mapping[str, Any]) -> Input:
        """The source of an S3Input of ProcessingInputs."""
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        return cls(source["S3Uri"], source.get("S3DataType", "S3Prefix"), sharded)

    def objects(self, job: Job) -> Objects:
        """All objects, in the order of their keys or of the manifest.

        Raises:
            JobFailed: there are none, or the manifest is none.
        """
        found = objects_of(job.s3, self.uri, self.data_type)
        if not found:
            role, region = job.request["RoleArn"], job.context.region
            raise JobFailed(f"ClientError: {s3_files.nothing_under(self.uri, role, region)}")
        return found

    def deal(self, items: Sequence[Any], number: int, of: int, epoch: int = 0) -> list[Any]:
        """What one instance gets of the objects, or of the lines of an augmented manifest.

        Args:
            items: all of them.
            number: the instance's, from 0.
            of: how many instances the input is for.
            epoch: the pass over the data; each has an order, and a share, of its own where the
                data are shuffled.
        """
        order = list(items)
        if self.seed is not None:
            random.Random(f"{self.seed}/{epoch}").shuffle(order)
        return order[number::of] if self.sharded else order


def download(job: Job, source: Input, path: str, groups: Sequence[str] = ()) -> None:
    """Copy an input's objects into a folder under /opt/ml of each instance that gets them.

    Args:
        job: the job.
        source: the input.
        path: the folder.
        groups: the instance groups that get them; all where it is empty.

    Raises:
        JobFailed: there are no objects, the manifest is none, or an object's name is that of
            another's folder.
        JobStopped: the job was stopped meanwhile.
    """
    job.check()
    objects = source.objects(job)
    chosen = _chosen(job, groups)
    for number, instance in enumerate(chosen):
        own = source.deal(objects, number, len(chosen))
        s3_files.copy_all(own, instance.local(path), source.uri, job.check)


def problem(channel: Mapping[str, Any], mode: str, groups: Sequence[str]) -> str:
    """Why a training job cannot have a channel, or an empty string.

    Args:
        channel: of InputDataConfig.
        mode: the channel's input mode, or the job's.
        groups: the names of the job's instance groups, where its request has some.
    """
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        return "only S3DataSource is supported by the emulator."
    kind = source["S3DataType"]
    if kind not in DATA_TYPES:
        return f"S3DataType {kind} is not supported by the emulator; {', '.join(DATA_TYPES)} are."
    if unknown := sorted(set(groups_of(channel)).difference(groups)):
        return (
            f"InstanceGroupNames: ResourceConfig.InstanceGroups has no group {', '.join(unknown)}."
        )
    augmented = kind == "AugmentedManifestFile"
    if augmented != bool(source.get("AttributeNames")):
        return "AttributeNames and S3DataType AugmentedManifestFile need each other."
    if mode == "Pipe":
        return ""
    if augmented:
        return f"AugmentedManifestFile can only be used with InputMode Pipe, not {mode}."
    for member in ("CompressionType", "RecordWrapperType"):
        if channel.get(member, "None") != "None":
            return f"{member} {channel[member]} can only be used with InputMode Pipe, not {mode}."
    return ""


def groups_of(channel: Mapping[str, Any]) -> list[str]:
    """The instance groups that get a channel; all where it is empty."""
    return list(channel["DataSource"]["S3DataSource"].get("InstanceGroupNames", []))


@contextmanager
def provide(job: Job, channels: Sequence[Mapping[str, Any]], mode: str) -> Iterator[None]:
    """Give each instance of a training job its channels: folders, or FIFOs fed within the block.

    Args:
        job: the job.
        channels: its InputDataConfig.
        mode: its TrainingInputMode.

    Raises:
        JobFailed: a channel has no objects or a wrong manifest; after the block, where the data of
            a FIFO could not be read to their end.
        JobStopped: the job was stopped meanwhile.
    """
    pipes: list[Pipe] = []
    try:
        for channel in channels:
            name, own_mode = channel["ChannelName"], channel.get("InputMode", mode)
            if own_mode == "Pipe":
                pipes += _open_pipes(job, channel)
                continue
            path, source = f"input/data/{name}", Input.of_channel(channel)
            download(job, source, path, groups_of(channel))
            if own_mode == "FastFile":
                job.log([f"channel {name}: FastFile is done as File: its objects were copied."])
        yield
    finally:
        for pipe in pipes:
            pipe.close()
    for error in (pipe.error for pipe in pipes if pipe.error is not None):
        raise error


def _open_pipes(job: Job, channel: Mapping[str, Any]) -> list[Pipe]:
    job.check()
    source, name = Input.of_channel(channel), channel["ChannelName"]
    attributes = channel["DataSource"]["S3DataSource"].get("AttributeNames", [])
    compressed = channel.get("CompressionType", "None") == "Gzip"
    in_records = channel.get("RecordWrapperType", "None") == "RecordIO"
    items: Sequence[Any] = _lines(job, source) if attributes else source.objects(job)
    chosen = _chosen(job, groups_of(channel))

    def read(number: int, epoch: int) -> Iterator[bytes]:
        for item in source.deal(items, number, len(chosen), epoch):
            if attributes:
                found = records.of_line(job.s3, source.uri, item, attributes, compressed)
            else:
                found = [records.of_object(item[1], source.uri, compressed)]
            for record in found:
                yield from records.wrapped(record) if in_records else record()

    def failed() -> None:
        for instance in job.instances:
            instance.stop(f"channel {name} ended too early", 0)

    folder = "input/data"
    pipes = [
        Pipe(instance.local(folder), name, partial(read, number), failed)
        for number, instance in enumerate(chosen)
    ]
    for pipe in pipes:
        pipe.open()
    return pipes


def _chosen(job: Job, groups: Sequence[str]) -> list[Instance]:
    return [i for i in job.instances if not groups or i.host.group in groups]


def _lines(job: Job, source: Input) -> list[bytes]:
    """The lines of an augmented manifest, which end with a line feed and nothing else."""
    file = Location.parse(source.uri).file(job.s3)
    lines = [] if file is None else _read_manifest(file, source.uri).split(b"\n")
    found = [line for line in lines if line.strip()]
    if not found:
        role, region = job.request["RoleArn"], job.context.region
        raise JobFailed(f"ClientError: {s3_files.nothing_under(source.uri, role, region)}")
    return found


def objects_of(root: Path, uri: str, data_type: str) -> Objects:
    """The objects of a prefix or a manifest, in the order of their keys or of the manifest.

    Args:
        root: the folder of buckets.
        uri: the prefix, or the object that is the manifest.
        data_type: ManifestFile, or another for a prefix.

    Raises:
        JobFailed: the manifest is none.
    """
    return _listed(root, uri) if data_type == "ManifestFile" else list(s3_files.find(root, uri))


def _read_manifest(file: Path, uri: str) -> bytes:
    if file.stat().st_size > LARGEST_MANIFEST:
        raise JobFailed(f"ClientError: the manifest {uri} is larger than 256 MB.")
    return file.read_bytes()


def _listed(root: Path, uri: str) -> Objects:
    """The objects of a manifest: a JSON list of `{"prefix": URI}` and what is behind it of each."""
    file = Location.parse(uri).file(root)
    if file is None:
        return []
    shape = '[{"prefix": "s3://bucket/prefix/"}, "name", ...]'
    try:
        first, *names = json.loads(_read_manifest(file, uri))
        prefix = first["prefix"]
        if not all(isinstance(name, str) for name in [prefix, *names]):
            raise TypeError
    except (ValueError, TypeError, KeyError):
        raise JobFailed(
            f"ClientError: the manifest {uri} must be a JSON list that looks like {shape}."
        ) from None
    objects = []
    for name in names:
        location = Location.parse(prefix + name)
        found = location.file(root)
        if found is None:
            raise JobFailed(
                f"ClientError: the manifest {uri} names s3://{location.bucket}/{location.key}, and "
                "there is no such object."
            )
        objects.append(("/".join(filter(None, name.split("/"))) or found.name, found))
    return objects
