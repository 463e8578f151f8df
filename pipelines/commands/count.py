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
    say,
    version_number,
)

FAILURES_SHOWN = 10  # images whose failure `score` prints; the CSV file lists all
MAX_QUANTITY = 999_999_999  # the model's server accepts nine digits
app = Group("Count")


def _quantity(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_QUANTITY))):
        raise typer.BadParameter(f"{text!r}: use a whole number from 0 to {MAX_QUANTITY}.")
    return int(text)


@app.add(
    "predict bin.jpg",
    "predict bin.jpg --record record.json",
    "predict bin.jpg --expected 3",
    "predict *.jpg --json",
)
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="JPEG or PNG files.")],
    quantity: Annotated[
        int | None,
        typer.Option(
            "--expected",
            metavar="N",
            parser=_quantity,
            help=f"Quantity on record, from 0 to {MAX_QUANTITY}; also gives a verdict.",
        ),
    ] = None,
    record_file: Annotated[
        Path | None,
        typer.Option(
            "--record",
            metavar="FILE",
            help="Stock record of the bin, in JSON; also gives a verdict.",
        ),
    ] = None,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """Count the items in images, with the endpoint.

    With a quantity or a stock record there is a verdict, too: PASS, LOOK (have
    somebody look), or CANNOT JUDGE. A record is ABID's metadata or a list of
    items; with --expected, that quantity counts and the record gives the items.
    The exit code is 0 only when every image has an answer.
    """
    from pipelines.serving import photo, prediction, stock_record

    if record_file and len(images) > 1:
        raise typer.BadParameter(
            f"it is the record of one bin, and there are {len(images)} images. For a folder with a "
            "record for each image: `python pipeline.py score FOLDER --records FOLDER`.",
            param_hint="--record",
        )
    # Before the target is opened: a file that cannot be used is reported without an endpoint.
    checked = photo.load_all(images)
    record = stock_record.load(record_file, "--record", quantity) if record_file else None
    predictions = prediction.predict_all(
        target.session, target.settings.endpoint, checked, None if record else quantity, record
    )
    answered = [one for one in predictions if not one.refusal]
    if as_json:
        print_json([one.as_dict() for one in predictions])
    elif answered:
        from pipelines.display import answers, terminal

        terminal.show(*answers.predictions(answered))
    for one in predictions:
        if one.refusal:
            note(f"Error: {one.refusal}")
    if len(answered) < len(predictions):
        raise typer.Exit(1)


@app.add(
    "score photos",
    "score photos --records metadata --output judged.csv",
    "score photos --records records.csv",
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
    records: Annotated[
        Path | None,
        typer.Option(
            "--records", metavar="PATH", help="Stock records: a folder of NAME.json, or a CSV."
        ),
    ] = None,
    expected: Annotated[
        Path | None,
        typer.Option("--expected", metavar="FILE", help="CSV of recorded quantities alone."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the SageMaker model and the uploaded images.")
    ] = False,
    as_json: AsJson = False,
    target: TargetOption = LOCAL,
) -> None:
    """Count a folder of images in batch, without an endpoint.

    An approved version counts in transform jobs: one for each image type, and
    one for the images with a stock record.
    The CSV file has a row for each image, the most suspicious first: image,
    verdict (look, cannot_judge, pass), reason, match_probability,
    expected_quantity, count, confidence, expected_count (the mean of the
    probabilities), p0, p1, ... (the probability of each count) and error.
    In the folder of --records, NAME.json is the record of NAME.jpg: ABID's
    metadata or a list of items. Its CSV has the column image, and
    expected_quantity or a row for each item with sku, quantity, length, width,
    height, unit, weight, weight_unit. The CSV of --expected has the columns
    image and expected_quantity.
    The exit code is 0 only when every image was counted.
    """
    from pipelines.display import terminal
    from pipelines.scoring import batch
    from pipelines.scoring.images import ImageSet, skipped_message

    output = output.expanduser()
    # Before the target is opened: an argument that cannot be used is reported without a job.
    files = batch.RecordFiles(records, expected)
    source = batch.check(folder, output, files)
    try:
        with terminal.waiting() as show:
            scores = batch.score(
                target.session, target.settings, source, output, version, files, show, keep=keep
            )
    except KeyboardInterrupt:
        note("Interrupted: the jobs are stopped and no file was written.")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json({"file": str(output), **scores.as_dict()})
    else:
        from pipelines.display import answers

        if scores.answers:
            terminal.show(*answers.scores(scores))
        say(scores.sentence(output))
    for name, reason in list(scores.failures.items())[:FAILURES_SHOWN]:
        note(f"{name} was not counted: {reason}")
    if len(scores.failures) > FAILURES_SHOWN:
        more = len(scores.failures) - FAILURES_SHOWN
        note(f"... and {more} more; {output} lists them all.")
    if isinstance(source, ImageSet) and source.skipped:
        note(skipped_message(source.skipped))
    if scores.failures:
        raise typer.Exit(1)
