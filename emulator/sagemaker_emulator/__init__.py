"""Amazon SageMaker on one machine: a local server that answers the AWS API and runs its jobs.

    import boto3, sagemaker_emulator

    server = sagemaker_emulator.up(images="images")
    os.environ.update(server["environment"])
    boto3.client("sagemaker").list_pipelines()

The names in `__all__` are the public interface, together with the command `sagemaker-emulator`.
"""

from collections.abc import Sequence
from pathlib import Path

from sagemaker_emulator import daemon
from sagemaker_emulator.daemon import Server
from sagemaker_emulator.errors import EmulatorError, StartError
from sagemaker_emulator.version import VERSION

__version__ = VERSION
__all__ = ["EmulatorError", "Server", "StartError", "__version__"]
__all__ += ["down", "image_python", "main", "reset", "status", "up"]


def up(
    state: Path | str | None = None,
    images: Path | str = "containers",
    *,
    port: int | None = None,
    s3_port: int | None = None,
    runtime: str = "auto",
) -> Server:
    """Start the server in the background unless it runs already.

    Args:
        state: The folder that holds everything; `$EMULATOR_STATE` or `./.emulator` by default.
        images: The folder with a folder for each container image.
        port: The port of the API; the last one, 5580 or a free one by default.
        s3_port: The port of S3; the last one, 5581 or a free one by default.
        runtime: auto, bwrap, unshare, relocate or docker.

    Raises:
        StartError: There are no images, a port is taken, or the server did not come up.
    """
    options = daemon.Options(_folder(state), Path(images).absolute(), port, s3_port, runtime)
    return daemon.up(options)[0]


def status(state: Path | str | None = None) -> Server | None:
    """The state's running server, or None if none runs."""
    return daemon.server(_folder(state))


def down(state: Path | str | None = None) -> bool:
    """Stop the server, whose state stays, and return whether one was running.

    Raises:
        StartError: It did not end in time.
    """
    return daemon.down(_folder(state))


def reset(state: Path | str | None = None) -> bool:
    """Stop the server, delete its state, and return whether there was any.

    Raises:
        StartError: The folder is not an emulator's state.
    """
    return daemon.reset(_folder(state))


def image_python(image: str, images: Path | str = "containers") -> str:
    """The Python of an image's environment, as `uv venv --python` takes it.

    Raises:
        EmulatorError: There is no such image, or its `python.txt` is not a version range.
    """
    from sagemaker_emulator.containers import environment
    from sagemaker_emulator.containers.image import ImageError, find

    try:
        return environment.interpreter(find(Path(images).absolute(), image))
    except (ImageError, environment.EnvironmentFailed) as error:
        raise EmulatorError(str(error)) from None


def main(
    arguments: Sequence[str] | None = None,
    program: str = "sagemaker-emulator",
    command: Sequence[str] = (),
    state: Path | str | None = None,
    images: Path | str = "containers",
) -> int:
    """Run a command of `sagemaker-emulator`, for a program that offers them under its own name.

    Args:
        arguments: The command and its options; those of this process by default.
        program: What help texts show before them.
        command: The same for a person to paste: absolute paths, which work from any folder.
        state: The default of `--state`.
        images: The default of `--images`.

    Returns:
        The exit status: 0, or 1 after a message on standard error.
    """
    from sagemaker_emulator.__main__ import run

    return run(arguments, program, command, state, images)


def _folder(state: Path | str | None) -> Path:
    return Path(state or daemon.default_state()).resolve()
