"""The command line: python pipeline.py upsert, start, approve, predict; --help explains each."""

import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import sagemaker_emulator
import typer
from botocore.exceptions import BotoCoreError, ClientError

import endpoint
import execution
import provision
import upload
from target import ProjectError, Settings, Target, connect, read_settings

app = typer.Typer(
    help="Train, register and serve a classifier of pictures.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
TargetName = Annotated[str, typer.Option("--target", envvar="TARGET", help="local or aws.")]


@app.command()
def upsert(target: TargetName = "local") -> None:
    """Create the pipeline, or update it to the code and settings here."""
    where = connect(target)
    definition = _compiled(where.settings)
    import jobs

    provision.prepare(where)
    for job in jobs.CODE:
        uri = jobs.code_address(where.settings, job)
        upload.send(where.session.client("s3"), uri, jobs.code(job))
    print(provision.put_pipeline(where, definition))


@app.command()
def start(
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE")
    ] = None,
    target: TargetName = "local",
) -> None:
    """Run the pipeline and show its steps: -p Data=FOLDER, Epochs=8 or AccuracyThreshold=0.8."""
    where = connect(target)
    values = dict(_assignment(word) for word in parameter or [])
    values["Data"] = _uploaded(where, values.get("Data", where.settings.data))
    arn = execution.start(where, values)
    print(f"Execution {arn.rpartition('/')[2]} (Ctrl-C stops watching; the execution continues)")
    if not execution.watch(where, arn):
        raise typer.Exit(1)
    version = endpoint.newest(where)
    print(f"Version {version.number} waits for approval: accuracy {version.accuracy}.")
    print("To approve and deploy it: python pipeline.py approve")


@app.command()
def approve(target: TargetName = "local") -> None:
    """Approve the newest model version, and deploy it to the endpoint; again if that failed."""
    where = connect(target)
    version = endpoint.newest(where)
    endpoint.approve(where, version)
    print(f"Version {version.number} (accuracy {version.accuracy}) is approved; deploying it.")
    endpoint.deploy(where, version)
    print(f"Endpoint {where.settings.name} serves version {version.number}.")


@app.command()
def predict(pictures: list[Path], target: TargetName = "local") -> None:
    """Ask the endpoint what pictures show."""
    where = connect(target)
    for picture in pictures:
        answer = endpoint.ask(where, picture)
        print(f"{picture}: {answer['class']} ({answer['probability']:.0%})")


@app.command("definition")
def show_definition(target: TargetName = "local", account: str = "123456789012") -> None:
    """Print the pipeline's definition; nothing is sent anywhere."""
    print(_compiled(read_settings(target, account)))


@app.command()
def image(target: TargetName = "aws") -> None:
    """Print the address of the container image, to build and push it."""
    print(connect(target).settings.image)


def _assignment(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ProjectError(f"-p takes NAME=VALUE, such as Epochs=8, not {word}.")
    return name, value


def _compiled(settings: Settings) -> str:
    """The definition. The SageMaker SDK takes seconds to import, so only this imports it."""
    os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")  # else it asks IAM about the role
    os.environ.setdefault("AWS_DEFAULT_REGION", settings.region)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)  # of what nobody can act on
    import definition

    return definition.build(settings)


def _uploaded(where: Target, data: str) -> str:
    """The address of the pictures; those of a folder are uploaded first."""
    if data.startswith("s3://"):
        return data
    files = upload.files(Path(data))
    if not files:
        raise ProjectError(
            f"There are no pictures in {data}: put a folder for each class there, or draw samples "
            "with python draw_samples.py, or choose another folder with -p Data=FOLDER."
        )
    uri = upload.address(where.settings.bucket, "data", files)
    sent = upload.send(where.session.client("s3"), uri, files)
    print(f"{len(files)} files of {data} are at {uri} ({sent} new).")
    return uri


if __name__ == "__main__":
    try:
        app()
    except (ProjectError, sagemaker_emulator.EmulatorError, ClientError, BotoCoreError) as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
