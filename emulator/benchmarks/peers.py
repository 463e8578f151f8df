"""A chain of steps by the emulator and by other tools, in turn, in one run.

Usage: python emulator/benchmarks/peers.py [--steps 8] [--rounds 2] [--only NAME ...]
    [--cache .cache/peers] [--json FILE]

Each step is given a list of times, adds now and returns it; the next step gets it. So the list at
the end says how long it was from one step's work to the next one's, whatever a tool does before
the first and after the last; the table has the median of all these. Each tool has a virtual
environment of its own, made once in the cache. How a tool runs steps is in the last column: some
start a process for each, some call a function, and what they keep differs; compare those that do
what you need.

A whole run is from the start of the tool's program to its end, and its CPU time that of the tool,
its steps' processes and the emulator's server. The table has their medians.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import sagemaker_emulator
from suites import environments
from suites.sources import SourceError

CHAINS = Path(__file__).with_name("chains")
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "peers"
SDK = "sagemaker==2.257.6"
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@dataclass(frozen=True)
class Peer:
    """A way to run the chain.

    Attributes:
        name: What the table calls it.
        program: The program below `chains/`, and its first arguments.
        package: What its environment has, with its version; empty: this project's environment.
        gives: What a step is, and what is kept of it.
        variables: Of its environment, with `{home}` for a folder of its own.
    """

    name: str
    program: tuple[str, ...]
    package: str
    gives: str
    variables: Mapping[str, str] = field(default_factory=dict)


PEERS = (
    Peer("processes alone", ("processes.py",), "", "a process; nothing is kept"),
    Peer(
        "emulator, Processing",
        ("sagemaker_chain.py", "processing", "--image", f"{REGISTRY}/plain:latest"),
        SDK,
        "a process in a container's folders; request, log, events, output in S3",
    ),
    Peer(
        "emulator, @step",
        ("sagemaker_chain.py", "functions", "--image", f"{REGISTRY}/sdk:latest"),
        SDK,
        "the same, in which the SDK loads the function and its arguments from S3",
    ),
    Peer(
        "SDK's local mode",
        ("sagemaker_chain.py", "local", "--image", "python:3.11-slim"),
        SDK.replace("sagemaker", "sagemaker[local]"),
        "a container; output in S3",
    ),
    Peer(
        "KFP local",
        ("kfp_chain.py",),
        "kfp==2.17.3",
        "a process (SubprocessRunner); output in a folder",
    ),
    Peer(
        "Metaflow",
        ("metaflow_chain.py", "--no-pylint", "run"),
        "metaflow==2.19.39",
        "a process; log, every attribute by its content",
        {"USERNAME": "benchmark", "METAFLOW_DATASTORE_SYSROOT_LOCAL": "{home}"},
    ),
    Peer(
        "ZenML local",
        ("zenml_chain.py",),
        "zenml[local]==0.98.0",
        "a call in the pipeline's process; log, output in a folder, records in SQLite",
        {
            "ZENML_CONFIG_PATH": "{home}/config",
            "ZENML_LOCAL_STORES_PATH": "{home}/stores",
            "ZENML_ANALYTICS_OPT_IN": "false",
        },
    ),
)


@dataclass(frozen=True)
class Run:
    """One run of a chain, in seconds.

    Attributes:
        gaps: From each step's work to the next one's.
        whole: From the start of the tool's program to its end.
        cpu: CPU time of all processes.
    """

    gaps: list[float]
    whole: float
    cpu: float


def main() -> None:
    """Measure, print a table and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=8, help="of the chain; at least 2")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=[each.name for each in PEERS], metavar="NAME")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the environments")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    if arguments.steps < 2 or arguments.rounds < 1:
        parser.error("--steps must be at least 2 and --rounds at least 1")
    peers = [each for each in PEERS if not arguments.only or each.name in arguments.only]
    if any("local" in each.program for each in peers) and not container_engine():
        print("SDK's local mode: not run, as no container engine answers `docker info`", flush=True)
        peers = [each for each in peers if "local" not in each.program]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server ends, too
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for image, requirements in {"plain": "", "sdk": SDK}.items():
            (root / "images" / image).mkdir(parents=True)
            (root / "images" / image / "requirements.txt").write_text(requirements)
        state = root / "state"
        server = sagemaker_emulator.up(state, root / "images")
        try:
            bench = Bench(root, arguments.cache.absolute(), server)
            runs = bench.measure(peers, arguments.steps, arguments.rounds)
        except SourceError as error:
            raise SystemExit(str(error)) from None
        finally:
            sagemaker_emulator.down(state)
    report(peers, runs, arguments)


def container_engine() -> bool:
    """Whether docker, or podman under its name, is there and answers."""
    try:
        return not subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


class Bench:
    """Runs chains.

    Args:
        root: A folder for what they write.
        cache: The folder of their environments.
        server: The emulator.
    """

    def __init__(self, root: Path, cache: Path, server: sagemaker_emulator.Server) -> None:
        self._root, self._cache = root, cache
        self._server, self._pid = server["environment"], server["pid"]

    def measure(self, peers: list[Peer], steps: int, rounds: int) -> dict[str, list[Run]]:
        """Each tool's runs of the chain, in turn.

        Raises:
            SourceError: A tool cannot be installed.
        """
        for peer in peers:
            self.run(peer, 1)  # not measured: databases, images' environments and caches are made
        runs: dict[str, list[Run]] = {peer.name: [] for peer in peers}
        for _ in range(rounds):
            for peer in peers:
                runs[peer.name].append(self.run(peer, steps))
        return runs

    def run(self, peer: Peer, steps: int) -> Run:
        """Run a chain once.

        Raises:
            SourceError: The tool cannot be installed.
        """
        python, file = self._python(peer), self._root / "times.json"
        file.unlink(missing_ok=True)
        home = self._root / peer.name
        home.mkdir(exist_ok=True)
        bare = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
        # KFP looks for its Python on PATH.
        bare |= {"HOME": str(home), "PATH": f"{python.parent}{os.pathsep}{bare['PATH']}"}
        bare |= {key: text.format(home=home) for key, text in peer.variables.items()}
        command = [str(python), str(CHAINS / peer.program[0]), *peer.program[1:]]
        command += ["--steps", str(steps), "--times", str(file)]
        log = self._root / "log.txt"
        cpu, began = self._cpu(), time.perf_counter()
        with log.open("w") as output:
            code = subprocess.run(
                command, env={**bare, **self._server}, cwd=home, stdout=output, stderr=output
            ).returncode
        whole = time.perf_counter() - began
        if code:
            raise SystemExit(f"{peer.name} ended with {code}:\n{log.read_text()[-3000:]}")
        times = json.loads(file.read_text())
        if len(times) != steps or times != sorted(times):
            raise SystemExit(f"{peer.name} ran other steps than {steps} in turn: {times}")
        gaps = [after - before for before, after in itertools.pairwise(times)]
        return Run(gaps, whole, self._cpu() - cpu)

    def _python(self, peer: Peer) -> Path:
        if not peer.package:
            return Path(sys.executable)
        name = "".join(letter if letter.isalnum() else "-" for letter in peer.package)
        return environments.make(self._cache / name, [peer.package])

    def _cpu(self) -> float:
        """CPU seconds so far: of the programs that ended, and of the server with its jobs."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        server = psutil.Process(self._pid)
        tree = [server, *server.children(recursive=True)]
        return ended.ru_utime + ended.ru_stime + sum(sum(each.cpu_times()[:4]) for each in tree)


def report(peers: list[Peer], runs: dict[str, list[Run]], arguments: argparse.Namespace) -> None:
    """Print the medians and the command, and write all figures to the file."""
    results: dict[str, Any] = {}
    for peer in peers:
        found = runs[peer.name]
        results[peer.name] = {
            "package": peer.package or "none",
            "seconds_between_steps": [run.gaps for run in found],
            "median": statistics.median(gap for run in found for gap in run.gaps),
            "whole": statistics.median(run.whole for run in found),
            "cpu": statistics.median(run.cpu for run in found),
        }
    base = results.get("emulator, Processing", results[peers[0].name])["median"]
    print("| | a step, ms | times the emulator's | whole run, s | its CPU, s | a step is |")
    print("|---|---|---|---|---|---|")
    for peer in peers:
        result = results[peer.name]
        label = f"{peer.name} ({peer.package})" if peer.package else peer.name
        print(
            f"| {label} | {1000 * result['median']:.0f} | {result['median'] / base:.1f} | "
            f"{result['whole']:.1f} | {result['cpu']:.1f} | {peer.gives} |"
        )
    about: dict[str, Any] = {
        "command": f"python {' '.join(sys.argv)}",
        "steps": arguments.steps,
        "rounds": arguments.rounds,
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "load": [round(each, 1) for each in os.getloadavg()],
        "python": platform.python_version(),
        "emulator": sagemaker_emulator.__version__,
    }
    print("\n" + "; ".join(f"{key} {value}" for key, value in about.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps({**about, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
