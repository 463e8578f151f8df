"""Count a folder of images in batch: from what a person asks for to the CSV file."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from model_registry.versions import APPROVED, ModelVersion, describe_approved
from pipelines.scoring import answers, images, records, run, table
from pipelines.scoring.images import ImageSet
from pipelines.scoring.job import MAX_PAYLOAD, PAYLOAD_MEGABYTES, ScoringError
from pipelines.scoring.records import Records
from pipelines.scoring.scores import Scores
from pipelines.serving import package_group, stock_record
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True)
class RecordFiles:
    """Where the stock records are: `--records` and `--expected`; None for what is not given."""

    records: Path | None = None
    expected: Path | None = None


def check(source: str, output: Path, files: RecordFiles) -> ImageSet | str:
    """Check what can be checked without a target; returns a local folder's images, or the prefix.

    Raises:
        UserError: An argument cannot be used; the message says which and why.
    """
    table.check_output(output)
    if source.startswith("s3://"):
        return source
    found = images.from_folder(Path(source))
    read = records.read(files.records, files.expected, found.names)
    # Records that lie beside their images are no images that were left out.
    beside = {str(PurePosixPath(name).with_suffix(".json")) for name in read}
    return replace(found, skipped=[name for name in found.skipped if name not in beside])


def score(
    session: "boto3.Session",
    settings: Settings,
    source: ImageSet | str,
    output: Path,
    version: int | None,
    files: RecordFiles,
    show: run.ShowProgress,
    *,
    keep: bool = False,
) -> Scores:
    """Count the images, have them judged with the stock record, and write the CSV file `output`.

    `source` is what `check` returned; without a `version` the newest approved one counts; `keep`
    keeps the SageMaker model and the uploads.

    Raises:
        UserError: The images cannot be counted, or the file cannot be written.
        RegistryError: There is no such version, or it is not approved.
    """
    client = session.client("sagemaker")
    package = choose_version(client, settings.group, version)
    if isinstance(source, str):
        source = images.from_prefix(session.client("s3"), source)
    found = records.read(files.records, files.expected, source.names)
    if found:
        _check_reads_records(client, package)
    source = refuse_too_large(source, found)
    jobs = run.run(session, settings, package, source, found, show, keep=keep)
    scores = answers.collect(session, settings, package.version, source, jobs)
    table.write(scores, output)
    return scores


def refuse_too_large(source: ImageSet, found: Records) -> ImageSet:
    """The images, those of a local folder set aside that a transform job cannot send.

    Raises:
        ScoringError: None is left.
    """
    refused = {}
    for name in source.content_types:
        if source.folder is None:
            continue
        size = (source.folder / name).stat().st_size
        sent = found[name].request_bytes(size) if name in found else size
        if sent > MAX_PAYLOAD:
            beside = f", {sent / 2**20:.1f} MiB with its record in base64" if name in found else ""
            refused[name] = (
                f"it has {size / 2**20:.1f} MiB{beside}; a transform job sends at most "
                f"{PAYLOAD_MEGABYTES} MiB. Save it smaller: the model sees a few hundred pixels."
            )
    left = {name: kind for name, kind in source.content_types.items() if name not in refused}
    if refused and not left:
        name, reason = next(iter(refused.items()))
        raise ScoringError(f"No image can be sent. The first, {name}: {reason}")
    return replace(source, content_types=left, refused={**source.refused, **refused})


def _check_reads_records(client: "SageMakerClient", version: ModelVersion) -> None:
    package = client.describe_model_package(ModelPackageName=version.arn)
    kinds = package.get("InferenceSpecification", {}).get("SupportedContentTypes", [])
    if stock_record.CONTENT_TYPE not in kinds:
        raise ScoringError(
            f"Version {version.version} was registered before models read stock records. Train a "
            "new version (`python pipeline.py start`), or score without --records and --expected."
        )


def choose_version(client: "SageMakerClient", group: str, number: int | None) -> ModelVersion:
    """The approved version of that number, or the newest approved one for None.

    Raises:
        RegistryError: There is no such version, or it is not approved.
        ScoringError: No version is approved.
    """
    if number is not None:
        return describe_approved(client, package_group.find(client, group, number).arn)
    version = package_group.newest(client, group, APPROVED)
    if version is None:
        raise ScoringError(
            f"No version of {group} is approved, and only an approved version counts in batch. "
            "`python pipeline.py models` lists the versions, `python pipeline.py approve` approves."
        )
    return version
