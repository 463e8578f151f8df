"""Which objects an input of a job has, and which of them each instance gets.

Contract: API reference of S3DataSource, ProcessingS3Input and ShuffleConfig.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.location import Location

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
        if self.data_type == "ManifestFile":
            found = _listed(job.s3, self.uri)
        else:
            found = list(s3_files.find(job.s3, self.uri))
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
    chosen = [i for i in job.instances if not groups or i.host.group in groups]
    for number, instance in enumerate(chosen):
        own = source.deal(objects, number, len(chosen))
        s3_files.copy_all(own, instance.local(path), source.uri, job.check)


def _listed(root: Path, uri: str) -> Objects:
    """The objects of a manifest: a JSON list of `{"prefix": URI}` and what is behind it of each."""
    file = Location.parse(uri).file(root)
    if file is None:
        return []
    if file.stat().st_size > LARGEST_MANIFEST:
        raise JobFailed(f"ClientError: the manifest {uri} is larger than 256 MB.")
    shape = '[{"prefix": "s3://bucket/prefix/"}, "name", ...]'
    try:
        first, *names = json.loads(file.read_bytes())
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
