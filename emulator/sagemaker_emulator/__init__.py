"""Amazon SageMaker on one machine: a local server that answers the AWS API and runs its jobs.

    import boto3, sagemaker_emulator

    server = sagemaker_emulator.up(images="images")
    os.environ.update(server["environment"])
    boto3.client("sagemaker").list_pipelines()

The names in `__all__` are the public interface, together with the command `sagemaker-emulator`.
"""

from collections.abc import Sequence
from pathlib import Path

from sagemaker_emulator.daemon import Server, down, reset, status, up
from sagemaker_emulator.errors import EmulatorError, StartError
from sagemaker_emulator.version import VERSION

__version__ = VERSION
__all__ = ["EmulatorError", "Server", "StartError", "__version__"]
__all__ += ["down", "image_python", "main", "reset", "status", "up"]


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
