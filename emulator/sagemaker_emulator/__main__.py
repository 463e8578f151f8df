"""SageMaker, and what is around it, on this machine: `up`, `down`, `status`, `env`, `reset`."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from sagemaker_emulator import daemon
from sagemaker_emulator.errors import StartError
from sagemaker_emulator.proxies import past_proxies

# What botocore imports into the programs of a shell, and the folder where it finds it.
_PLUGIN = "emulator=emulator_sts"
_CLIENT = Path(__file__).resolve().parent / "client"
_SHOWN = ("url", "s3_url", "tracking_uri", "state", "images", "runtime", "pid", "version")


def main(arguments: list[str] | None = None, program: str = "python -m sagemaker_emulator") -> int:
    """Run one verb; the exit status is 0, or 1 with a message on stderr.

    Args:
        arguments: The verb and its options; the process's where left out.
        program: What a person types before them.
    """
    options = _parser(program).parse_args(arguments)
    options.program = program
    options.state = options.state.resolve()
    try:
        return int(options.run(options) or 0)
    except StartError as problem:
        print(f"emulator: {problem}", file=sys.stderr)
        return 1


def _up(options: argparse.Namespace) -> None:
    server, started = daemon.up(_options(options))
    print(f"emulator: {'started' if started else 'already running'} at {server['url']}")
    print(f"  S3     {server['s3_url']}")
    print(f"  state  {server['state']}")
    print(f'  point clients at it with: eval "$({options.program} env)"')


def _down(options: argparse.Namespace) -> None:
    print("emulator: stopped" if daemon.down(options.state) else "emulator: was not running")


def _status(options: argparse.Namespace) -> int:
    server = daemon.server(options.state)
    if options.operations:
        print("\n".join(_operations()))
        return 0
    if options.json:
        print(json.dumps({"running": server is not None, **(server or {})}, indent=2))
    elif server:
        for name in _SHOWN:
            print(f"{name:12} {server.get(name, '')}")
    else:
        print(f"emulator: not running (state {options.state})")
    return 0 if server else 1


def _operations() -> list[str]:
    from sagemaker_emulator import serve  # noqa: F401 registers the operations
    from sagemaker_emulator.aws import dispatch

    return sorted(f"{service} {name}" for service, name in dispatch.operations)


def _env(options: argparse.Namespace) -> None:
    server = daemon.server(options.state)
    if server is None:
        raise StartError(f"not running; start it with: {options.program} up")
    environment = server["environment"] | {"BOTOCORE_EXPERIMENTAL__PLUGINS": _PLUGIN}
    environment |= past_proxies()  # of the shell that asks, not of the server's
    if options.json:
        path = os.pathsep.join([str(_CLIENT), *filter(None, [os.environ.get("PYTHONPATH")])])
        print(json.dumps(environment | {"PYTHONPATH": path}, indent=2))
        return
    print("\n".join(f"export {name}={shlex.quote(v)}" for name, v in environment.items()))
    # The shell's own, which need not be that of this process.
    print(f'export PYTHONPATH={shlex.quote(str(_CLIENT))}"${{PYTHONPATH:+:$PYTHONPATH}}"')


def _reset(options: argparse.Namespace) -> int:
    if not options.yes:
        if not sys.stdin.isatty():
            raise StartError(f"reset deletes {options.state}; add --yes to say that you mean it")
        if input(f"Delete {options.state} with everything in it? [y/N] ").lower() != "y":
            print("emulator: nothing deleted")
            return 1
    deleted = daemon.reset(options.state)
    print(f"emulator: {'deleted' if deleted else 'there is no'} {options.state}")
    return 0


def _serve(options: argparse.Namespace) -> None:
    from sagemaker_emulator import serve

    serve.serve(_options(options))


def _options(options: argparse.Namespace) -> daemon.Options:
    return daemon.Options(
        options.state, options.images.absolute(), options.port, options.s3_port, options.runtime
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="SageMaker on this machine.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        added.add_argument(
            "--state",
            type=Path,
            default=daemon.default_state(),
            help="folder that holds everything (default: $EMULATOR_STATE or ./.emulator)",
        )
        return added

    for name, run, text in (
        ("up", _up, "start the server unless it runs"),
        ("serve", _serve, "run the server in the foreground"),
    ):
        added = verb(name, run, text)
        added.add_argument(
            "--images",
            type=Path,
            default=Path("containers"),
            help="folder that holds a folder for each container image (default: ./containers)",
        )
        added.add_argument("--port", type=_port, help="of the API (default: 5580, or a free one)")
        added.add_argument("--s3-port", type=_port, help="of S3 (default: 5581, or a free one)")
        added.add_argument(
            "--runtime",
            choices=daemon.RUNTIMES,
            default="auto",
            help="what stands in for containers (default: auto, the strictest that works here)",
        )
    verb("down", _down, "stop the server; its state stays")
    status = verb("status", _status, "say where it runs")
    status.add_argument("--json", action="store_true", help="print JSON, for programs")
    status.add_argument(
        "--operations", action="store_true", help="list the operations that are run here"
    )
    verb("env", _env, "print the variables that clients need").add_argument(
        "--json", action="store_true", help="print JSON, for programs"
    )
    verb("reset", _reset, "stop the server and delete its state").add_argument(
        "--yes", action="store_true", help="do not ask"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
