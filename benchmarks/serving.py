"""Requests per second of the endpoint's server, beside a plain FastAPI server with eager PyTorch.

Both serve the same weights on this machine and are measured in turn, several rounds, with 1, 8 and
32 clients that keep their connections. Compare the ratios, because absolute speeds vary. Then it
compares one client's latency with calls of the model's four functions without HTTP, and with
requests that hold a stock record, as a form and as JSON.

    .venv-steps/bin/python benchmarks/serving.py --images FOLDER_OF_JPEGS

--also NAME=COMMAND adds a server that reads $MODEL and $PORT, such as those in benchmarks/rivals/.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from repository import ROOT, STEPS

Sent = tuple[bytes, str]  # the body of a request and its content type
JPEG = "image/jpeg"
RECORD = json.dumps(
    [
        {"sku": f"B{n}", "quantity": n, "length": 8.5, "width": 5, "height": 1.2, "weight": 0.8}
        for n in (1, 2)
    ]
).encode()
RIVALS = Path(__file__).parent / "rivals"
SERVE = ROOT / "containers" / "tally-inference" / "bin" / "serve"
CLIENTS = (1, 8, 32)
NOTHING = """
MAX_BATCH = 16
def model_fn(folder): return None
def input_fn(body, content_type): return [len(body)]
def predict_fn(batch, model): return batch
def output_fn(prediction, accept): return '{"count": 3}', "application/json"
"""
PLAIN = "plain FastAPI, PyTorch"
OURS = "tally"


@dataclass
class Server:
    """A running server and its measurements.

    Attributes:
        seconds: From its start until /ping returns 200.
        rates: Requests per second of each round, by number of clients.
        waits: Seconds of each request, by number of clients.
    """

    name: str
    port: int
    process: subprocess.Popen[bytes]
    seconds: float = 0.0
    rates: dict[int, list[float]] = field(default_factory=dict)
    waits: dict[int, list[float]] = field(default_factory=dict)

    def megabytes(self) -> float:
        """Resident memory, its child processes included."""
        whole = psutil.Process(self.process.pid)
        return sum(p.memory_info().rss for p in [whole, *whole.children(recursive=True)]) / 1e6


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="folder of JPEGs (default: drawn noise)")
    parser.add_argument("--model", type=Path, help="model folder (default: ImageNet weights)")
    parser.add_argument("--image-size", type=int, default=160, help="pixels (default: 160)")
    parser.add_argument(
        "--mirrored", action="store_true", help="use two views of each image, as Train's default"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="per server and round (default: 2)"
    )
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="another server; repeatable",
    )
    options = parser.parse_args()
    bodies = images(options.images)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        model = root / "model"
        if options.model:
            shutil.copytree(options.model, model)
        else:
            make_model(model, options.image_size, options.mirrored)
        described = json.loads((model / "model.json").read_text())
        print(
            f"{described['backbone']} at {described['image_size']} px, "
            f"{2 if described.get('mirrored') else 1} view(s), {described.get('serves')}; "
            f"{len(bodies)} JPEGs of {statistics.mean(map(len, bodies)) / 1e3:.0f} kB; "
            f"load of the machine {os.getloadavg()[0]:.1f}"
        )
        servers: list[Server] = []
        try:
            uvicorn = (
                f"{sys.executable} -m uvicorn --log-level warning --port $PORT --app-dir {RIVALS}"
            )
            servers.append(start(PLAIN, f"{uvicorn} plain:app", root))
            servers.append(start(OURS, f"{sys.executable} {SERVE}", root))
            for one in options.also:
                name, command = one.split("=", 1)
                servers.append(start(name, command, root))
            measure(servers, [(body, JPEG) for body in bodies], options.rounds, options.seconds)
            report(servers)
            with_records(servers[1], bodies, options.rounds)
            servers.append(
                start("nothing", f"env OPT_ML={nothing(root)} {sys.executable} {SERVE}", root)
            )
            overhead(servers[1], servers[-1], model, bodies)
        finally:
            for server in servers:
                children = psutil.Process(server.process.pid).children(recursive=True)
                server.process.terminate()
                server.process.wait(30)
                for child in children:  # LitServe does not stop its own
                    if child.is_running():
                        child.kill()


def images(folder: Path | None) -> list[bytes]:
    """The request bodies."""
    if folder:
        files = sorted(folder.glob("*.jpg"))[:64]
        if not files:
            raise SystemExit(f"no .jpg in {folder}")
        return [file.read_bytes() for file in files]
    random, bodies = np.random.default_rng(0), []
    for _ in range(32):
        small = Image.fromarray(random.integers(0, 255, (30, 40, 3), np.uint8))
        file = io.BytesIO()
        small.resize((560, 420), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        bodies.append(file.getvalue())
    return bodies


def make_model(folder: Path, size: int, mirrored: bool) -> None:
    """Write an untrained model as Train writes it; speed does not depend on the weights."""
    program = f"""
import json, shutil, sys
from pathlib import Path
import model_code, network, torch
from record_network import RecordPart
from served_network import Joining
from training.data.images import Images
from training.model import weights
from training.result import artifact, export
folder = Path({str(folder)!r})
(folder / "code").mkdir(parents=True)
torch.manual_seed(0)
name = network.SHIPPED
built = weights.pretrained(name, 5)
state = built.state_dict()
for part, module in (("record", RecordPart(5)), ("fusion", Joining(2, 5))):
    state |= {{f"{{part}}.{{key}}": value for key, value in module.state_dict().items()}}
torch.save(state, folder / "model.pt")
mean, std = network.normalisation(name)
settings = dict(backbone=name, image_size={size}, classes=[1, 2, 3, 4, 5], mean=mean, std=std,
                levels=[1, 2, 3, 4, 5], mirrored={mirrored})
(folder / "model.json").write_text(json.dumps(settings))
(folder / "training.json").write_text("{{}}")
for file in model_code.FILES:
    shutil.copyfile(artifact.STEPS / file, folder / "code" / file)
pixels = torch.randint(0, 255, (16, 3, {size}, {size}), dtype=torch.uint8)
some = Images(pixels, torch.arange(16) % 5, (1, 2, 3, 4, 5))
export.write(folder, some, some)
artifact.seal(folder)
"""
    environment = {**os.environ, "PYTHONPATH": str(STEPS)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def nothing(root: Path) -> Path:
    """Write a program that does nothing, to measure the server alone."""
    code = root / "nothing" / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(NOTHING)
    return root / "nothing"


def start(name: str, command: str, root: Path) -> Server:
    """Start a server and wait until /ping returns 200."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ, "PORT": str(port), "MODEL": str(root / "model"), "STEPS": str(STEPS),
        "OPT_ML": str(root), "SAGEMAKER_BIND_TO_PORT": str(port), "SERVE_HOST": "127.0.0.1",
    }  # fmt: skip
    log = (root / f"{name.split()[0]}.log").open("w")
    begun = time.perf_counter()
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], env=environment, stdout=log, stderr=log
    )
    while time.perf_counter() - begun < 120:
        if process.poll() is not None:
            break
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return Server(name, port, process, time.perf_counter() - begun)
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.02)
    process.kill()
    raise SystemExit(f"{name} does not answer:\n{Path(log.name).read_text()}")


def measure(servers: list[Server], bodies: list[Sent], rounds: int, seconds: float) -> None:
    """Measure the servers in turn."""
    for server in servers:
        asyncio.run(request_all(server.port, bodies, 2, 0.5))
    for number in range(rounds):
        for clients in CLIENTS:
            for server in servers[number % len(servers) :] + servers[: number % len(servers)]:
                begun = time.perf_counter()
                waits = asyncio.run(request_all(server.port, bodies, clients, seconds))
                rate = len(waits) / (time.perf_counter() - begun)
                server.rates.setdefault(clients, []).append(rate)
                server.waits.setdefault(clients, []).extend(waits)


async def request_all(port: int, bodies: list[Sent], clients: int, seconds: float) -> list[float]:
    """The seconds of each request; the client itself takes hardly any time."""
    end = time.perf_counter() + seconds
    found = await asyncio.gather(*(_client(port, bodies, n, end) for n in range(clients)))
    return [wait for one in found for wait in one]


async def _client(port: int, bodies: list[Sent], first: int, end: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waits: list[float] = []
    while (begun := time.perf_counter()) < end:
        body, kind = bodies[(first * 7 + len(waits)) % len(bodies)]
        writer.write(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\n"
            b"Content-Length: %d\r\n\r\n" % (kind.encode(), len(body)) + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"refused: {head!r}")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        waits.append(time.perf_counter() - begun)
    writer.close()
    return waits


def report(servers: list[Server]) -> None:
    """Print the tables."""
    print("\n| | ready after | memory |\n|---|---|---|")
    for server in servers:
        print(f"| {server.name} | {server.seconds:.1f} s | {server.megabytes():.0f} MB |")
    print("\n| clients | | requests/s | p50 | p99 | of plain |\n|---|---|---|---|---|---|")
    for clients in CLIENTS:
        for server in servers:
            waits = 1e3 * np.array(server.waits[clients])
            ratio = statistics.median(
                own / plain
                for own, plain in zip(server.rates[clients], servers[0].rates[clients], strict=True)
            )
            print(
                f"| {clients} | {server.name} | {statistics.median(server.rates[clients]):.0f} | "
                f"{np.percentile(waits, 50):.1f} ms | {np.percentile(waits, 99):.1f} ms | "
                f"{ratio:.2f} |"
            )


def with_records(server: Server, bodies: list[bytes], rounds: int) -> None:
    """Print one client's latency with a stock record beside that without, in turn."""
    head = '--b\r\nContent-Disposition: form-data; name="{}"; filename="f"\r\n\r\n'
    image, record = head.format("image").encode(), head.format("record").encode()
    forms = {
        "image": [(body, JPEG) for body in bodies],
        "form": [
            (
                image + body + b"\r\n" + record + RECORD + b"\r\n--b--",
                "multipart/form-data; boundary=b",
            )
            for body in bodies
        ],
        "JSON": [
            (
                json.dumps(
                    {"image": base64.b64encode(body).decode(), "record": json.loads(RECORD)}
                ).encode(),
                "application/json",
            )
            for body in bodies
        ],
    }
    medians: dict[str, list[float]] = {name: [] for name in forms}
    for number in range(4 * rounds):
        names = [*forms][number % 3 :] + [*forms][: number % 3]
        for name in names:
            waits = asyncio.run(request_all(server.port, forms[name], 1, 0.5))
            medians[name].append(1e3 * statistics.median(waits))
    print("\n| one client sends | median | of the image alone |\n|---|---|---|")
    for name, found in medians.items():
        ratio = statistics.median(
            own / alone for own, alone in zip(found, medians["image"], strict=True)
        )
        what = "the image" if name == "image" else f"image and record as {name}"
        print(f"| {what} | {statistics.median(found):.2f} ms | {ratio:.2f} |")


def overhead(server: Server, empty: Server, model: Path, bodies: list[bytes]) -> None:
    """Print one client's latency beside that of the four functions called directly, in turn."""
    sys.path.insert(0, str(model / "code"))
    import inference

    loaded = inference.model_fn(str(model))

    def answer(body: bytes) -> None:
        batch = inference.input_fn(body, "image/jpeg")
        inference.output_fn(inference.predict_fn(batch, loaded), None)

    async def all_three() -> tuple[list[float], list[float], list[float]]:
        direct, served, bare = [], [], []
        for _ in range(10):
            for body in bodies:
                begun = time.perf_counter()
                answer(body)
                direct.append(time.perf_counter() - begun)
            sent = [(body, JPEG) for body in bodies]
            served += await request_all(server.port, sent, 1, sum(direct[-len(bodies) :]))
            bare += await request_all(empty.port, sent, 1, 0.2)
        return direct, served, bare

    direct, served, bare = (1e3 * statistics.median(times) for times in asyncio.run(all_three()))
    print(
        f"\none client, median: {served:.2f} ms; the four functions without HTTP {direct:.2f} ms "
        f"(with HTTP {served / direct - 1:.0%} more); HTTP with a program that does nothing "
        f"{bare:.2f} ms ({bare / direct:.0%} of the functions)"
    )


if __name__ == "__main__":
    main()
