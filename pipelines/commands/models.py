"""Verbs of the model registry and the endpoint.

Whatever a verb needs is imported inside it, so that `--help` and the quick verbs stay quick.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import NAME
from pipelines.commands.shared import (
    INTERRUPTED,
    AsJson,
    Target,
    examples,
    open_target,
    print_json,
    say,
)
from pipelines.commands.verbs import Verbs

if TYPE_CHECKING:
    from model_registry.promotion import Promotion
    from pipelines.scoring.answers import Scores

PANEL = "Models"
NAMED_FAILURES = 10  # images whose failure `score` names; the CSV names all
MAX_EXPECTED = 999_999_999  # the model's server takes nine digits
ENDPOINT_SECONDS = 1800  # on AWS an endpoint takes minutes, and longer where instances are scarce
PendingVersion = Annotated[
    str | None,
    typer.Argument(
        metavar="VERSION", help="Its number. \\[default: the newest pending]", show_default=False
    ),
]
Note = Annotated[
    str, typer.Option("--note", "-m", metavar="TEXT", help="Why; it is kept with the version.")
]
app = Verbs()


def _expected(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_EXPECTED))):
        raise typer.BadParameter(f"{text!r}: give a whole number from 0 to {MAX_EXPECTED}.")
    return int(text)


@app.command(rich_help_panel=PANEL, epilog=examples("models", "models 3 4    (side by side)"))
def models(
    context: typer.Context,
    versions: Annotated[
        list[str] | None,
        typer.Argument(metavar="VERSION", help="Only these. \\[default: all]", show_default=False),
    ] = None,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """List the model versions: approval, test metrics side by side, and which one is serving."""
    from pipelines.serving import comparison

    place = open_target(context, target)
    compared = comparison.compare(place.session, NAME, place.settings.endpoint, versions or [])
    if as_json:
        print_json([entry.as_dict() for entry in compared])
    elif not compared:
        say("There is no model version yet: an execution that passes CheckAccuracy registers one.")
    else:
        from pipelines.display import tables, terminal

        terminal.show(tables.models(compared))


@app.command(rich_help_panel=PANEL, epilog=examples("approve", "approve 3 -m 'seen by Ada'"))
def approve(
    context: typer.Context, version: PendingVersion = None, note: Note = "", target: Target = None
) -> None:
    """Approve a model version; the approval rule then deploys it."""
    from pipelines.serving import package_group

    place = open_target(context, target)
    number = package_group.parse_version(version) if version else None
    done = package_group.approve(place.client(), NAME, number, note)
    typer.echo(f"Version {done.version} is approved, and the approval rule deploys it now.")
    say("To wait for it: python pipeline.py endpoint --wait")


@app.command(rich_help_panel=PANEL, epilog=examples("reject 3 -m 'misses full bins'"))
def reject(
    context: typer.Context, version: PendingVersion = None, note: Note = "", target: Target = None
) -> None:
    """Reject a model version; an endpoint that serves it goes on until `rollback` or `promote`."""
    from model_registry import endpoint as endpoints
    from pipelines.serving import package_group

    place = open_target(context, target)
    number = package_group.parse_version(version) if version else None
    done = package_group.reject(place.client(), NAME, number, note)
    typer.echo(f"Version {done.version} is rejected.")
    serving = endpoints.read(place.client(), place.settings.endpoint)
    if serving and serving.next_model.package == done.arn:
        say("It goes on serving until: python pipeline.py rollback, or promote VERSION")


@app.command(rich_help_panel=PANEL, epilog=examples("promote 3"))
def promote(
    context: typer.Context,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="The number of an approved version.")
    ],
    target: Target = None,
) -> None:
    """Serve an approved version: the endpoint is created, or updated with its settings kept."""
    from model_registry import promotion
    from pipelines.serving import package_group

    place = open_target(context, target)
    client = place.client()
    chosen = package_group.find(client, NAME, package_group.parse_version(version))
    _tell(promotion.promote(client, chosen.arn, place.placement(), wait_seconds=ENDPOINT_SECONDS))


@app.command(rich_help_panel=PANEL, epilog=examples("rollback", "endpoint --wait"))
def rollback(context: typer.Context, target: Target = None) -> None:
    """Serve the approved version again that was served before this one."""
    from pipelines.serving.rollback import rollback

    place = open_target(context, target)
    _tell(rollback(place.client(), place.placement(), wait_seconds=ENDPOINT_SECONDS))


@app.command(rich_help_panel=PANEL, epilog=examples("endpoint", "endpoint --wait"))
def endpoint(
    context: typer.Context,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Until the version approved last is in service."),
    ] = False,
    seconds: Annotated[
        int, typer.Option("--timeout", metavar="SECONDS", help="The longest wait, in seconds.")
    ] = ENDPOINT_SECONDS,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """Show the endpoint: its status, the version it serves, its configuration."""
    from pipelines.serving import endpoint_status, rollout

    place = open_target(context, target)
    client = place.client()
    if wait:
        rollout.wait(client, NAME, place.settings.endpoint, seconds, say)
    found = endpoint_status.describe(client, place.settings.endpoint)
    if as_json:
        print_json(found)
    else:
        from pipelines.display import tables, terminal

        terminal.show(tables.endpoint(found))
    if found["status"] in ("Failed", "OutOfService", "UpdateRollbackFailed"):
        raise typer.Exit(1)


@app.command(
    rich_help_panel=PANEL,
    epilog=examples("predict bin.jpg", "predict bin.jpg --expected 3", "predict *.jpg --json"),
)
def predict(
    context: typer.Context,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="JPEG or PNG files.")],
    expected: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=_expected,
            help=f"How many items there should be, from 0 to {MAX_EXPECTED}; is it so?",
        ),
    ] = None,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """Ask the endpoint how many items the images show.

    The exit code is 0 only when every image was answered.
    """
    from pipelines.serving import photo, prediction

    # Before the target is opened: a wrong file needs no endpoint to be told so.
    checked = photo.load_all(images)
    place = open_target(context, target)
    predictions = prediction.predict_all(place.session, place.settings.endpoint, checked, expected)
    answered = [one for one in predictions if not one.refusal]
    if as_json:
        print_json([one.as_dict() for one in predictions])
    elif answered:
        from pipelines.display import tables, terminal

        terminal.show(tables.predictions(answered))
        for why in {one.answer.get("explanation") for one in answered} - {None}:
            say(f"Not judged: {why}.")
    for one in predictions:
        if one.refusal:
            say(f"Error: {one.refusal}")
    if len(answered) < len(predictions):
        raise typer.Exit(1)


@app.command(
    rich_help_panel=PANEL,
    epilog=examples(
        "score photos",
        "score photos --expected books.csv --output counted.csv",
        "score s3://my-bucket/bin-images --version 3 --json",
    ),
)
def score(
    context: typer.Context,
    folder: Annotated[
        str,
        typer.Argument(metavar="FOLDER", help="With .jpg and .png files, or s3://BUCKET/PREFIX."),
    ],
    version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="An approved model version. \\[default: the newest]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The CSV to write.")
    ] = Path("scores.csv"),
    expected: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A CSV: image,expected_quantity. Is it so?", show_default=False
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the job's model and uploaded images there.")
    ] = False,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """Count the items of a whole folder of images in batch, into a CSV; no endpoint is needed.

    A Transform job of an approved version does it, one for JPEG images and
    one for PNG images.
    The CSV has a row for each image: image, count, confidence,
    expected_count (the mean over the probabilities), p1, p2, ... (the
    probability of each count) and error.
    The exit code is 0 only when every image was counted.
    """
    from pipelines.display import terminal
    from pipelines.scoring import answers, images, job, table
    from pipelines.serving import package_group

    # Before the target is opened: what is wrong here needs no job to be told so.
    path = table.check_output(output)
    remote = folder.startswith("s3://")
    found = None if remote else images.in_folder(Path(folder))
    number = package_group.parse_version(version) if version else None
    books = table.read_expected(expected, found.names) if expected and found else None
    place = open_target(context, target)
    chosen = job.choose(place.client(), number)
    found = found or images.in_bucket(place.client("s3"), folder)
    if expected and books is None:
        books = table.read_expected(expected, found.names)
    try:
        with terminal.waiting() as show:
            ended = job.run(place.session, place.settings, chosen, found, show, keep=keep)
    except KeyboardInterrupt:
        say("Interrupted: the job is stopped, and nothing was written.")
        raise typer.Exit(INTERRUPTED) from None
    scores = answers.collect(place.session, place.settings, chosen.version, found, ended)
    scores = table.join(scores, books) if books else scores
    table.write(scores, path)
    _show_scores(scores, path, as_json)
    if found.others:
        say(images.left_out(found.others))
    if scores.failures:
        raise typer.Exit(1)


def _show_scores(scores: "Scores", path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(path), **scores.as_dict()})
    else:
        from pipelines.display import tables, terminal

        if scores.answers:
            terminal.show(tables.scores(scores))
        typer.echo(scores.sentence(path))
    for name, why in list(scores.failures.items())[:NAMED_FAILURES]:
        say(f"{name} was not counted: {why}")
    if len(scores.failures) > NAMED_FAILURES:
        say(f"... and {len(scores.failures) - NAMED_FAILURES} more; {path} names all of them.")


def _tell(done: "Promotion") -> None:
    typer.echo(f"Endpoint {done.endpoint_name}, version {done.version}: {done.status}.")
    say("To wait for it: python pipeline.py endpoint --wait")
