"""What the desk shows when the endpoint or the target fails."""

import io
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image

from pipelines.errors import UserError
from tests.desk.service import Desk, Target, bin_photo, run_desk

OpenDesk = Callable[..., Desk]
PHOTO = {"photo": ("bin.jpg", bin_photo([0]))}


@pytest.fixture
def closed_port() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_without_an_endpoint_the_page_says_how_to_create_one(open_desk: OpenDesk) -> None:
    with open_desk(endpoint="tally-nowhere").sign_in() as client:
        response = client.post("/bin", files=PHOTO)
    assert response.status_code == 503
    assert "There is no endpoint tally-nowhere yet" in response.text
    assert "python pipeline.py approve" in response.text
    assert "Traceback" not in response.text


def test_a_target_that_cannot_be_opened_is_explained_and_opened_again(
    target: Target, tmp_path: Path
) -> None:
    failures = [UserError("There are no AWS credentials. Run `aws sso login`.")]

    def open_target():  # type: ignore[no-untyped-def]
        if failures:
            raise failures.pop()
        return target.open()

    with run_desk(open_target, tmp_path) as desk, desk.sign_in() as client:
        failed = client.get("/")
        assert failed.status_code == 503
        assert "There are no AWS credentials" in failed.text and "Try again" in failed.text
        assert client.get("/").status_code == 200


def test_services_that_do_not_respond_are_explained_and_found_at_a_new_address(
    target: Target, tmp_path: Path, closed_port: str
) -> None:
    addresses = ["", closed_port]
    with (
        run_desk(lambda: target.open(addresses.pop()), tmp_path) as desk,
        desk.sign_in() as client,
    ):
        failed = client.post("/bin", files=PHOTO)
        assert failed.status_code == 503
        assert "The service does not respond" in failed.text
        assert client.post("/bin", files=PHOTO).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Choose a photo first, or take one."),
        (b"no picture", "The photo cannot be read"),
        (bin_photo([0])[:900], "is cut off"),
    ],
    ids=["nothing", "text", "half"],
)
def test_a_file_that_is_no_photo_is_explained(
    client: httpx.Client, body: bytes, message: str
) -> None:
    response = client.post("/bin", files={"photo": ("bin.jpg", body)})
    assert response.status_code == 422
    assert message in response.text


def test_a_photo_that_only_the_model_refuses_is_explained(client: httpx.Client) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")  # fewer pixels than this model has cells
    response = client.post("/bin", files={"photo": ("bin.png", file.getvalue())})
    assert response.status_code == 422
    assert "The model cannot read this photo: the image is damaged or truncated" in response.text
    assert "Log:" not in response.text


def test_a_part_of_a_page_is_shown_by_htmx_although_it_failed(client: httpx.Client) -> None:
    response = client.post("/bin", files={"photo": b""}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert "Choose a photo first" in response.text and "<html" not in response.text
