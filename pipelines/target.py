"""Where the SageMaker API is: on AWS, or in the emulator on this machine.

Only this module makes a difference between them. Everything else gets a boto3 session.
"""

import os
import sys
from typing import TYPE_CHECKING

import sagemaker_emulator
from pipelines.errors import UserError
from pipelines.provisioning import container_images
from pipelines.root import ROOT, emulator_state
from pipelines.settings.layers import load
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

# Variables that would make a client sign requests to the emulator for AWS.
NOT_FOR_THE_EMULATOR = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")


class TargetError(UserError):
    """The target cannot be reached, or nobody is signed in to it."""


def connect(settings: Settings) -> "boto3.Session":
    """A session with the target's SageMaker API.

    For the local target, the emulator is started unless it runs, and the environment of this
    process is set so that every library in it (and in its children) uses the emulator. For AWS, a
    warning on standard error reports an environment that sends requests to another address.

    Args:
        settings: The target's settings, resolved or not.

    Raises:
        TargetError: The emulator does not start, or there are no AWS credentials.
    """
    if settings.target == "local":
        os.environ.update(_emulator_environment(settings.region))
        for variable in NOT_FOR_THE_EMULATOR:
            os.environ.pop(variable, None)
    else:
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = settings.region
        if url := os.environ.get("AWS_ENDPOINT_URL"):  # left over from `emulator env`, for example
            print(f"$AWS_ENDPOINT_URL is set: requests go to {url}, not to AWS.", file=sys.stderr)
    import boto3
    import botocore.exceptions

    try:
        session = boto3.Session(region_name=settings.region)
        if session.get_credentials() is None:
            raise TargetError(
                "There are no AWS credentials. Run `aws configure sso` and `aws sso login`, or set "
                "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. "
                "`--target local` needs none."
            )
    except botocore.exceptions.BotoCoreError as error:
        raise TargetError(f"The AWS configuration cannot be used: {error}") from None
    return session


def resolve(session: "boto3.Session", settings: Settings) -> Settings:
    """The settings with account, bucket, role and images filled in.

    Args:
        session: From `connect`.
        settings: The target's settings.

    Raises:
        TargetError: AWS does not accept the credentials, or they belong to another account.
        BotoCoreError: The sign-in has expired, so that there are no credentials any more.
        ContainerImageError: The folder of an image is missing.
    """
    if settings.target == "local" and settings.account:
        return settings.resolved(settings.account, container_images.tags())
    import botocore.exceptions

    try:
        account = session.client("sts").get_caller_identity()["Account"]
    except botocore.exceptions.ClientError as error:
        raise TargetError(
            f"AWS does not accept these credentials ({error.response['Error']['Code']}: "
            f"{error.response['Error']['Message']}). Sign in again: `aws sso login`."
        ) from None
    except (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError) as error:
        raise TargetError(
            f"AWS cannot be reached in {settings.region} to ask who is signed in: {error}"
        ) from None
    if settings.account and settings.account != account:
        raise TargetError(
            f"The settings are for account {settings.account}, but these credentials belong to "
            f"{account}. Sign in to the other account, or change `account` in the settings."
        )
    return settings.resolved(account, container_images.tags())


def resolve_offline(name: str) -> Settings:
    """Load and resolve the settings of a target; ask it nothing if they name the account.

    Args:
        name: `local`, `aws`, or the path of a settings file.

    Raises:
        SettingsError: The settings cannot be used.
        TargetError: The settings name no account, and the target cannot be asked for it.
    """
    settings = load(name)
    if settings.account:
        return settings.resolved(settings.account, container_images.tags())
    return open_target(name)[1]


def open_target(name: str) -> "tuple[boto3.Session, Settings]":
    """Load the settings of a target, connect to it and resolve them, as every command does first.

    Args:
        name: `local`, `aws`, or the path of a settings file.

    Raises:
        SettingsError: The settings cannot be used.
        TargetError: The target cannot be reached.
    """
    settings = load(name)
    session = connect(settings)
    return session, resolve(session, settings)


def _emulator_environment(region: str) -> dict[str, str]:
    """The environment of the emulator's clients; the emulator is started unless it runs."""
    state = emulator_state()
    try:
        server = sagemaker_emulator.status(state)
    except sagemaker_emulator.EmulatorError as error:
        raise TargetError(f"The emulator cannot be used: {error}") from None
    if server is None:
        try:
            server = sagemaker_emulator.up(state, ROOT / "containers")
        except sagemaker_emulator.EmulatorError as error:
            raise TargetError(
                f"The emulator does not start:\n{error}\nBy hand: python pipeline.py emulator up"
            ) from None
        print(
            f"The emulator runs at {server['url']} (state in {os.path.relpath(state)}).\n"
            "To see it in a browser: python pipeline.py emulator console",
            file=sys.stderr,
        )
    return {**server["environment"], "AWS_DEFAULT_REGION": region, "AWS_REGION": region}
