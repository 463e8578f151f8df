"""Count a folder of images in batch: from what a person asks for to the CSV file."""

from pathlib import Path
from typing import TYPE_CHECKING

from model_registry.versions import APPROVED, ModelVersion, describe_approved
from pipelines import NAME
from pipelines.scoring import answers, images, record, run, table
from pipelines.scoring.images import ImageSet
from pipelines.scoring.job import ScoringError
from pipelines.scoring.scores import Scores
from pipelines.serving import package_group
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_sagemaker import SageMakerClient


def check(source: str, output: Path, record_file: Path | None) -> ImageSet | str:
    """Check what can be checked without a target; returns a local folder's images, or the prefix.

    Raises:
        UserError: An argument cannot be used; the message says which and why.
    """
    table.check_output(output)
    if source.startswith("s3://"):
        return source
    found = images.from_folder(Path(source))
    if record_file:
        record.read_record(record_file, found.names)
    return found


def score(
    session: "boto3.Session",
    settings: Settings,
    source: ImageSet | str,
    output: Path,
    version: int | None,
    record_file: Path | None,
    show: run.ShowProgress,
    *,
    keep: bool = False,
) -> Scores:
    """Count the images, compare them with the stock record, and write the CSV file `output`.

    `source` is what `check` returned; without a `version` the newest approved one counts; `keep`
    keeps the SageMaker model and the uploaded images.

    Raises:
        UserError: The images cannot be counted, or the file cannot be written.
        RegistryError: There is no such version, or it is not approved.
    """
    package = choose_version(session.client("sagemaker"), version)
    if isinstance(source, str):
        source = images.from_prefix(session.client("s3"), source)
    quantities = record.read_record(record_file, source.names) if record_file else {}
    jobs = run.run(session, settings, package, source, show, keep=keep)
    scores = answers.collect(session, settings, package.version, source, jobs)
    scores = scores.compared_with(quantities)
    table.write(scores, output)
    return scores


def choose_version(client: "SageMakerClient", number: int | None) -> ModelVersion:
    """The approved version of that number, or the newest approved one for None.

    Raises:
        RegistryError: There is no such version, or it is not approved.
        ScoringError: No version is approved.
    """
    if number is not None:
        return describe_approved(client, package_group.find(client, NAME, number).arn)
    version = package_group.newest(client, NAME, APPROVED)
    if version is None:
        raise ScoringError(
            f"No version of {NAME} is approved, and only an approved version counts in batch. "
            "`python pipeline.py models` lists the versions, `python pipeline.py approve` approves."
        )
    return version
