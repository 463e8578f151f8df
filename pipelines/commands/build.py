"""Verbs that make the pipeline and what it needs.

Whatever a verb needs is imported inside it, so that `--help` and the quick verbs stay quick.
"""

from typing import Annotated

import typer

from pipelines.commands.shared import AsJson, Target, chosen, examples, open_target, print_json
from pipelines.commands.verbs import Verbs

PANEL = "Build"
app = Verbs()


@app.command(
    rich_help_panel=PANEL,
    epilog=examples("upsert", "upsert start -p MaxTrials=4    (both verbs in one call)"),
)
def upsert(
    context: typer.Context,
    target: Target = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the definition and change nothing.")
    ] = False,
) -> None:
    """Create the pipeline, or update it to the code and settings here.

    Unchanged code and settings are recognised: then nothing is built or sent.
    """
    from pipelines.provisioning import upsert as upserting

    place = open_target(context, target)
    if dry_run:
        typer.echo(upserting.dry_run(place.settings))
    else:
        typer.echo(str(upserting.upsert(place.session, place.settings)))


@app.command(rich_help_panel=PANEL, epilog=examples("setup", "setup --target aws"))
def setup(context: typer.Context, target: Target = None) -> None:
    """Make what the pipeline needs: bucket, role, package group, Lambda, approval rule.

    It can be repeated; what is there stays. On this machine `upsert` does it by itself.
    """
    from pipelines.provisioning import setup as setting_up

    place = open_target(context, target)
    for line in setting_up.setup(place.session, place.settings):
        typer.echo(str(line))


@app.command(
    rich_help_panel=PANEL, epilog=examples("images --target aws", "images --target aws --push")
)
def images(
    context: typer.Context,
    target: Target = None,
    push: Annotated[
        bool, typer.Option("--push", help="Build those that ECR lacks with Docker, and push them.")
    ] = False,
) -> None:
    """List the images that the steps run in on AWS, and which of them ECR has.

    A change of an image's folder in containers/ makes another image of it.
    """
    from pipelines.provisioning import container_images as imaging
    from pipelines.settings.layers import load

    imaging.check_target(load(chosen(context, target)))
    place = open_target(context, target)
    if push:
        imaging.push(place.session, place.settings, typer.echo)
        return
    absent = imaging.missing(place.session, place.settings)
    for name, image in imaging.ours(place.settings).items():
        typer.echo(f"{'missing' if name in absent else 'found':<7} {image}")


@app.command(
    rich_help_panel=PANEL,
    epilog=examples("settings", "settings tuning", "--target my.yaml settings data.source --json"),
)
def settings(
    context: typer.Context,
    selection: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY", help="A section or a key. \\[default: all]", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    target: Target = None,
) -> None:
    """List the settings: each value, where it comes from and what it means.

    A settings file for --target needs only the keys that it changes, such as
    `tuning: {max_trials: 6}`, and `target: aws` where it builds on AWS's values.
    A variable such as $PIPELINE_TUNING_MAX_TRIALS replaces one value.
    """
    from dataclasses import asdict

    from pipelines.settings import listing

    listed = listing.settings(chosen(context, target), selection)
    if as_json:
        print_json([asdict(setting) for setting in listed])
    else:
        from pipelines.display import settings as display
        from pipelines.display import terminal

        terminal.show(*display.render(listed))
