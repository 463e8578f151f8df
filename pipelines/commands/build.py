"""Commands that create the pipeline and what it needs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.group import Group
from pipelines.commands.shared import LOCAL, TargetOption, note, print_json, say

app = Group("Build")


@app.add(
    "upsert",
    "upsert start -p MaxTrials=4    # both commands in one call",
    "upsert --diff                  # what would change",
)
def upsert(
    target: TargetOption = LOCAL,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the definition, in JSON; change nothing.")
    ] = False,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Show what would change, and which steps would run again."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --diff: print JSON.")] = False,
) -> None:
    """Create the pipeline, or update it to this code and settings.

    When neither has changed, nothing is built or sent.
    --dry-run needs no connection to AWS if the settings name the account.
    """
    from pipelines.provisioning import upsert as upserting

    if as_json and not diff:
        note("Error: --json goes with --diff: python pipeline.py upsert --diff --json")
        raise typer.Exit(2)
    if dry_run and diff:
        note("Error: choose --dry-run, which prints the definition, or --diff.")
        raise typer.Exit(2)
    if dry_run:
        typer.echo(upserting.dry_run(target.offline_settings))
    elif diff:
        from pipelines.executions import difference

        found = difference.read(target.session, target.settings)
        if as_json:
            print_json(found.as_dict())
        else:
            from pipelines.display import differences

            typer.echo(differences.render(found))
    else:
        say(str(upserting.upsert(target.session, target.settings)))


@app.add("setup", "setup --target aws")
def setup(target: TargetOption = LOCAL) -> None:
    """Create what the pipeline needs: bucket, roles, rules, alarms.

    Also the model group, the promotion function, a queue and a topic.
    What exists is kept, so you may repeat it.
    On this machine `upsert` runs it for you.
    """
    from pipelines.provisioning import setup as setting_up

    for line in setting_up.setup(target.session, target.settings):
        say(str(line))


@app.add(
    "teardown          # lists everything, then asks",
    "teardown --yes    # asks nothing",
    "teardown --target aws --all",
)
def teardown(
    target: TargetOption = LOCAL,
    everything: Annotated[
        bool, typer.Option("--all", help="Also delete models, images, data and the bucket.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
) -> None:
    """Delete the endpoint, the pipeline and what setup made.

    It lists what it will delete, what stays and what each costs, then asks.
    Models, images, data and the bucket stay without --all; other stages and
    regions stay always. After an interruption, run it again.
    """
    from pipelines.provisioning import teardown as tearing_down

    plan = tearing_down.plan(target.session, target.settings, everything=everything)
    settings = target.settings
    place = f"stage {settings.stage}, {settings.region}, account {settings.account_id}"
    for part, reason in plan.left:
        say(f"stays     {part.kind} {part.name}: {reason}. Costs {part.cost}.")
    if not plan.deleted:
        say(f"There is nothing to delete ({place}).")
        return
    for part in plan.deleted:
        say(f"deletes   {part.kind} {part.name}. Costs {part.cost}.")
    if not yes:
        question = f"Delete {len(plan.deleted)} things for ever ({place})?"
        if not sys.stdin.isatty():
            raise tearing_down.TeardownError(f"{question} Nobody is here to ask; add --yes.")
        if not typer.confirm(question):
            note("Nothing was deleted.")
            raise typer.Exit(1)
    tearing_down.carry_out(plan, lambda part: say(f"deleted   {part.kind} {part.name}"))
    say("Experiments and SageMaker's own logs stay: they cost little or nothing.")


@app.add("images --target aws", "images --target aws --push")
def images(
    target: TargetOption = LOCAL,
    push: Annotated[
        bool, typer.Option("--push", help="Build missing images and push them.")
    ] = False,
    renew_base: Annotated[
        bool, typer.Option("--renew-base", help="Pin the base images to today's digests.")
    ] = False,
    sbom: Annotated[
        Path | None,
        typer.Option("--sbom", metavar="FOLDER", help="Write each image's CycloneDX SBOM."),
    ] = None,
) -> None:
    """List the container images on AWS, and which are missing.

    A change in an image's folder in containers/ gives the image a new tag.
    """
    from pipelines.provisioning import container_images as imaging
    from pipelines.settings.layers import load

    if renew_base:
        imaging.renew_bases(typer.echo)
    if sbom:
        imaging.write_bills(sbom, typer.echo)
    if (renew_base or sbom) and not push:
        return
    imaging.check_target(load(target.name))
    if push:
        imaging.push(target.session, target.settings, typer.echo)
        return
    missing = imaging.missing(target.session, target.settings)
    for name, image in imaging.ours(target.settings).items():
        typer.echo(f"{'missing' if name in missing else 'exists':<7} {image}")
