"""A desk over an endpoint in the emulator that counts white squares, and pictures of them."""

import io
import socket
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import boto3
import httpx
import uvicorn
from PIL import Image, ImageDraw

import sagemaker_emulator
from desk import application
from desk.access import Access
from desk.service import Service
from pipelines.settings.layers import load
from pipelines.settings.model import Settings
from tests.cli.command_line import ROOT, CommandLine

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/looker:1"
BUCKET = "tally-us-east-1-123456789012"
ENDPOINT = "tally"
CELLS, CELL = 6, 40  # of the pictures


@dataclass(frozen=True)
class Target:
    """An emulator; `open` is what the desk opens."""

    line: CommandLine

    def open(self, url: str = "", **values: str) -> tuple[boto3.Session, Settings]:
        """Return a session and settings.

        Args:
            url: Where the services are; the emulator's by default.
            values: Values by setting, such as desk_records.
        """
        variables = {f"PIPELINE_{name.upper()}": value for name, value in values.items()}
        settings = load("local", variables).resolved("123456789012", {})
        return Session(self.line, url), settings


class Session(boto3.Session):
    """A session whose clients use the emulator, without a change of this process's environment."""

    _clients: ClassVar[dict[tuple[object, ...], Any]] = {}

    def __init__(self, line: CommandLine, url: str = "") -> None:
        server = sagemaker_emulator.status(line.state)
        assert server is not None
        keys = server["environment"]
        self._urls = {} if url else {"s3": server["s3_url"]}
        self._url = url or server["url"]
        super().__init__(
            keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
        )

    def client(self, service_name, **options):  # type: ignore[no-untyped-def, override]
        options.setdefault("endpoint_url", self._urls.get(service_name, self._url))
        key = service_name, *sorted(options.items())  # making a client takes long
        if key not in self._clients:
            self._clients[key] = super().client(service_name, **options)
        return self._clients[key]


def serve(line: CommandLine) -> None:
    """Register a version, serve it, and wait until it answers."""
    packed = io.BytesIO()
    tarfile.open(fileobj=packed, mode="w:gz").close()
    line.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=packed.getvalue())
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    client = line.client("sagemaker")
    client.create_model_package(
        ModelPackageGroupName="tally",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["image/jpeg", "image/png", "application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
    done = line.run("promote", "1", "--yes")
    assert done.returncode == 0, done.stderr
    client.get_waiter("endpoint_in_service").wait(
        EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def bin_photo(cells: Iterable[int], kind: str = "JPEG", scale: int = 1, **options: object) -> bytes:
    """Return a dark picture with a white square in each of these cells, of 36 in rows."""
    picture = Image.new("RGB", (CELLS * CELL, CELLS * CELL), "black")
    draw = ImageDraw.Draw(picture)
    for cell in cells:
        row, column = divmod(cell, CELLS)
        draw.rectangle(
            [column * CELL, row * CELL, (column + 1) * CELL - 1, (row + 1) * CELL - 1], "white"
        )
    if scale > 1:
        picture = picture.resize((picture.width * scale, picture.height * scale))
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


IMAGES = ROOT / "tests" / "desk" / "images"


def start(folder: Path) -> CommandLine:
    """Start an emulator whose endpoint counts white squares."""
    line = CommandLine(folder / "state")
    line.emulator("up", "--images", str(IMAGES))
    try:
        done = line.run("setup")
        assert done.returncode == 0, done.stderr
        serve(line)
    except BaseException:
        line.emulator("down")
        raise
    return line


@dataclass(frozen=True)
class Desk:
    """A desk that serves.

    Attributes:
        base: Its address.
        access: Its checks, which issue keys.
    """

    base: str
    access: Access

    def link(self) -> str:
        """Return a new link that signs a browser in."""
        return f"{self.base}/?key={self.access.keys.issue()}"

    @contextmanager
    def sign_in(self) -> Iterator[httpx.Client]:
        """A browser that is signed in and sends what the desk's own pages send."""
        options: Any = {"follow_redirects": True, "trust_env": False, "timeout": 30}
        with httpx.Client(base_url=self.base, **options) as client:
            client.get(self.link(), follow_redirects=False)
            visitor = self.access.visitor(dict(client.cookies))
            assert visitor
            token = self.access.form_token(visitor)
            client.headers.update({"Origin": self.base, "X-Form-Token": token})
            yield client


@contextmanager
def run_desk(
    open_target: Callable[[], tuple[boto3.Session, Settings]],
    folder: Path,
    host: str = "127.0.0.1",
    secret: bytes = bytes(32),
) -> Iterator[Desk]:
    """Serve a desk over HTTP in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        access = Access(secret, host, port)
        app = application.create(Service(open_target), access, folder)
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Desk(f"http://127.0.0.1:{port}", access)
        finally:
            server.should_exit = True
            thread.join()
