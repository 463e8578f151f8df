"""Commands that count the items in images."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.group import Group
from pipelines.commands.shared import (
    INTERRUPTED,
    LOCAL,
    AsJson,
    TargetOption,
    note,
    print_json,
    version_number,
)

FAILURES_SHOWN = 10  # images whose failure `score` prints; the CSV file lists all
MAX_QUANTITY = 999_999_999  # the model's server accepts nine digits
app = Group("Count")


def _quantity(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_QUANTITY))):
        raise typer.BadParameter(f"{text!r}: use a whole number from 0 to {MAX_QUANTITY}.")
    return int(text)


@app.add("predict bin.jpg", "predict bin.jpg --expected 3", "predict *.jpg --json")
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="JPEG or PNG files.")],
    quantity: Annotated[
        int | None,
        typer.Option(
            "--expected",
            metavar="N",
            parser=_quantity,
            help=f"Quantity on record, from 0 to {MAX_QUANTITY}; also reports whether the photo "
            "agrees.",
        ),
    ] = None,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """Count the items in images, with the endpoint.

    The exit code is 0 only when every image has an answer.
    """
    from pipelines.serving import photo, prediction

    # Before the target is target: a file that cannot be used is reported without an endpoint.
    checked = photo.load_all(images)
    predictions = prediction.predict_all(
        target.session, target.settings.endpoint, checked, quantity
    )
    answered = [one for one in predictions if not one.refusal]
    if as_json:
        print_json([one.as_dict() for one in predictions])
    elif answered:
        from pipelines.display import tables, terminal

        terminal.show(tables.predictions(answered))
        for explanation in {one.answer.get("explanation") for one in answered} - {None}:
            note(f"Not judged: {explanation}.")
    for one in predictions:
        if one.refusal:
            note(f"Error: {one.refusal}")
    if len(answered) < len(predictions):
        raise typer.Exit(1)


@app.add(
    "score photos",
    "score photos --expected record.csv --output counted.csv",
    "score s3://my-bucket/bin-images --version 3 --json",
)
def score(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER", help="Folder of .jpg and .png files, or s3://BUCKET/PREFIX."
        ),
    ],
    version: Annotated[
        int | None,
        typer.Option(
            metavar="VERSION",
            parser=version_number,
            help="Approved model version. \\[default: the newest]",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="CSV file to write.")
    ] = Path("scores.csv"),
    record: Annotated[
        Path | None,
        typer.Option(
            "--expected", metavar="FILE", help="CSV of recorded quantities to compare with."
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the SageMaker model and the uploaded images.")
    ] = False,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """Count a folder of images in batch, without an endpoint.

    An approved version counts in transform jobs, one for each image type.
    The CSV file has a row for each image: image, count, confidence,
    expected_count (the mean of the probabilities), p1, p2, ... (the
    probability of each count) and error.
    The FILE of --expected has the columns image and expected_quantity; the
    result then has expected_quantity, match and match_confidence, too.
    The exit code is 0 only when every image was counted.
    """
    from pipelines.display import terminal
    from pipelines.scoring import batch
    from pipelines.scoring.images import ImageSet, skipped_message

    output = output.expanduser()
    # Before the target is opened: an argument that cannot be used is reported without a job.
    source = batch.check(folder, output, record)
    try:
        with terminal.waiting() as show:
            scores = batch.score(
                target.session, target.settings, source, output, version, record, show, keep=keep
            )
    except KeyboardInterrupt:
        note("Interrupted: the jobs are stopped and no file was written.")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json({"file": str(output), **scores.as_dict()})
    else:
        from pipelines.display import tables

        if scores.answers:
            terminal.show(tables.scores(scores))
        typer.echo(scores.sentence(output))
    for name, reason in list(scores.failures.items())[:FAILURES_SHOWN]:
        note(f"{name} was not counted: {reason}")
    if len(scores.failures) > FAILURES_SHOWN:
        more = len(scores.failures) - FAILURES_SHOWN
        note(f"... and {more} more; {output} lists them all.")
    if isinstance(source, ImageSet) and source.skipped:
        note(skipped_message(source.skipped))
    if scores.failures:
        raise typer.Exit(1)
