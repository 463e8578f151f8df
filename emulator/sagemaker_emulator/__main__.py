"""The command line: `sagemaker-emulator up`, `down`, `status`, `env`, `logs`, `reset` and more."""

import argparse
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import sagemaker_emulator
from sagemaker_emulator import daemon, programs
from sagemaker_emulator.console import access
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.errors import EmulatorError
from sagemaker_emulator.options import RUNTIMES, Options
from sagemaker_emulator.state_folder import default_state

# What botocore imports into the programs of a shell, and the folder where it finds it.
_PLUGIN = "emulator=emulator_sts"
_CLIENT = Path(__file__).resolve().parent / "client"
_STATUS = ("url", "s3_url", "tracking_uri", "state", "images", "runtime", "pid", "version")
_EXAMPLES = """\
examples:
  {0} up --images images
  eval "$({0} env)"
  aws sagemaker list-training-jobs
  {0} logs my-training-job --follow
  {0} console
  {0} down
"""


def run(
    arguments: Sequence[str] | None,
    program: str,
    command: Sequence[str],
    state: Path | str | None,
    images: Path | str,
) -> int:
    """Run one command; see `sagemaker_emulator.main`."""
    options = _parser(program, state, images).parse_args(arguments)
    options.state = options.state.resolve()
    options.command = shlex.join(command) or _own_command()
    try:
        return int(options.run(options) or 0)
    except EmulatorError as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _own_command() -> str:
    """This program as a person can paste it in any folder."""
    script = programs.find("sagemaker-emulator", "sagemaker-emulator")
    if script is None:
        return shlex.join([sys.executable, "-m", "sagemaker_emulator"])
    on_path = shutil.which("sagemaker-emulator")
    if on_path and Path(on_path).resolve() == Path(script).resolve():
        return "sagemaker-emulator"
    return shlex.quote(script)


def _with_state(options: argparse.Namespace, verb: str) -> str:
    return f"{options.command} {verb} --state {shlex.quote(str(options.state))}"


def _up(options: argparse.Namespace) -> None:
    server, started = daemon.start(_options(options))
    print(f"emulator: {'started' if started else 'already running'} at {server['url']}")
    print(f"  S3      {server['s3_url']}")
    print(f"  state   {server['state']}")
    print(f"  keys    {options.state / 'credentials.json'}, for whoever may use it")
    print(f"  console {_console_link(options, server)}")
    print(f"          (the link works once; another: {_with_state(options, 'console')})")
    print(f'  point clients at it with: eval "$({_with_state(options, "env")})"')


def _console(options: argparse.Namespace) -> None:
    print(_console_link(options, _running(options)))


def _console_link(options: argparse.Namespace, server: daemon.Server) -> str:
    return access.link(server["url"], server["pid"], Credentials.of(options.state))


def _serve(options: argparse.Namespace) -> None:
    from sagemaker_emulator import serve

    serve.serve(_options(options))


def _options(options: argparse.Namespace) -> Options:
    return Options(
        options.state,
        (options.images or options.default_images).absolute(),
        options.port,
        options.s3_port,
        options.runtime,
        getattr(options, "sockets", None),
        options.images is not None,
    )


def _down(options: argparse.Namespace) -> None:
    print("emulator: stopped" if daemon.down(options.state) else "emulator: was not running")


def _status(options: argparse.Namespace) -> int:
    server = daemon.status(options.state)
    if options.operations:
        print("\n".join(_operations()))
        return 0
    if options.json:
        print(json.dumps({"running": server is not None, **(server or {})}, indent=2))
    elif server:
        for name in _STATUS:
            print(f"{name:12} {server.get(name, '')}")
    else:
        print(f"emulator: not running (state {options.state})")
    return 0 if server else 1


def _operations() -> list[str]:
    from sagemaker_emulator import serve  # noqa: F401 registers the operations
    from sagemaker_emulator.aws import dispatch

    return sorted(f"{service} {name}" for service, name in dispatch.operations)


def _running(options: argparse.Namespace) -> daemon.Server:
    server = daemon.status(options.state)
    if server is None:
        raise EmulatorError(f"not running; start it with: {_with_state(options, 'up')}")
    return server


def _env(options: argparse.Namespace) -> None:
    environment = _running(options)["environment"] | {"BOTOCORE_EXPERIMENTAL__PLUGINS": _PLUGIN}
    if options.json:
        path = os.pathsep.join([str(_CLIENT), *filter(None, [os.environ.get("PYTHONPATH")])])
        print(json.dumps(environment | {"PYTHONPATH": path}, indent=2))
        return
    print("\n".join(f"export {name}={shlex.quote(v)}" for name, v in environment.items()))
    # The shell's own PYTHONPATH need not be that of this process.
    print(f'export PYTHONPATH={shlex.quote(str(_CLIENT))}"${{PYTHONPATH:+:$PYTHONPATH}}"')


def _logs(options: argparse.Namespace) -> None:
    from sagemaker_emulator import job_log

    job_log.show(_running(options)["environment"], options.job, options.follow)


def _interrupt(options: argparse.Namespace) -> None:
    from sagemaker_emulator.interrupt import interrupt

    interrupt(_running(options)["environment"], options.job)
    print(f"emulator: {options.job} is being interrupted; it starts again from its checkpoints")


def _reset(options: argparse.Namespace) -> int:
    if not options.yes:
        if not sys.stdin.isatty():
            raise EmulatorError(f"reset deletes {options.state}; add --yes to confirm")
        if input(f"Delete {options.state} with everything in it? [y/N] ").lower() != "y":
            print("emulator: nothing deleted")
            return 1
    deleted = daemon.reset(options.state)
    print(f"emulator: {'deleted' if deleted else 'there is no'} {options.state}")
    return 0


def _image_python(options: argparse.Namespace) -> None:
    images = options.images or options.default_images
    print(sagemaker_emulator.image_python(options.image, images))


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def _descriptors(text: str) -> tuple[int, int]:
    api, s3 = map(int, text.split(","))
    return api, s3


def _parser(program: str, state: Path | str | None, images: Path | str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Amazon SageMaker on this machine: a server for AWS clients that runs jobs.",
        epilog=_EXAMPLES.format(program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"sagemaker-emulator {sagemaker_emulator.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, title="commands", metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], int | None], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        added.set_defaults(run=run)
        added.add_argument(
            "--state",
            metavar="DIR",
            type=Path,
            default=Path(state) if state else default_state(),
            help="folder that holds everything (default: "
            + (str(state) if state else "$EMULATOR_STATE, else ./.emulator")
            + ")",
        )
        return added

    def add_images(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--images",
            metavar="DIR",
            type=Path,
            help=f"folder with a folder for each image of your own (default: {images})",
        )
        parser.add_argument(
            "--default-images", type=Path, default=Path(images), help=argparse.SUPPRESS
        )

    up = add("up", _up, "start the server in the background unless it runs")
    add("down", _down, "stop the server; its state stays")
    status = add("status", _status, "show where the server runs; exit status 1 if it does not")
    env = add("env", _env, "print the variables that point AWS clients at the server")
    add("console", _console, "print a link that opens the console in a browser, once")
    logs = add("logs", _logs, "print the log of a job")
    interrupted = add("interrupt", _interrupt, "interrupt a managed spot training job")
    reset = add("reset", _reset, "stop the server and delete its state")
    serve = add("serve", _serve, "run the server in the foreground")
    image_python = add("image-python", _image_python, "print the Python of an image's environment")
    for parser_ in (up, serve):
        add_images(parser_)
        parser_.add_argument(
            "--port", type=_port, help="port of the API (default: the last one, 5580 or a free one)"
        )
        parser_.add_argument(
            "--s3-port", type=_port, help="port of S3 (default: the last one, 5581 or a free one)"
        )
        parser_.add_argument(
            "--runtime",
            choices=RUNTIMES,
            default="auto",
            help="what containers run in (default: auto, the strictest that works here)",
        )
    # The descriptors of two sockets that `up` listens on for the server.
    serve.add_argument("--sockets", type=_descriptors, help=argparse.SUPPRESS)
    for parser_ in (status, env):
        parser_.add_argument("--json", action="store_true", help="print JSON")
    status.add_argument(
        "--operations", action="store_true", help="list the AWS operations that are implemented"
    )
    logs.add_argument(
        "job", metavar="JOB", help="name of a processing, training, transform or tuning job"
    )
    logs.add_argument("--follow", "-f", action="store_true", help="print new lines until it ends")
    interrupted.add_argument("job", metavar="JOB", help="name of a training job")
    reset.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    image_python.add_argument("image", metavar="IMAGE", help="name of the image's folder")
    add_images(image_python)
    return parser


if __name__ == "__main__":
    sys.exit(sagemaker_emulator.main(program="python -m sagemaker_emulator"))
