import io
import math
import re

import pytest
from PIL import Image

from pipelines.root import ROOT
from pipelines.serving.photo import MAX_BYTES, PhotoError, load, load_all


def picture(kind, size=(40, 30), mode="RGB"):
    body = io.BytesIO()
    Image.new(mode, size).save(body, kind)
    return body.getvalue()


@pytest.mark.parametrize(
    ("kind", "content_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")], ids=["jpeg", "png"]
)
def test_an_image_is_known_by_its_bytes_not_its_name(tmp_path, kind, content_type):
    file = tmp_path / "bin.txt"
    file.write_bytes(picture(kind))
    image = load(file)
    assert (image.content_type, image.width, image.height) == (content_type, 40, 30)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "empty", id="0-byte"),
        pytest.param(b"three boxes and a bag", "neither a JPEG nor a PNG", id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "cut off", id="cut-png"),
        pytest.param(picture("JPEG")[:60], "cut off", id="cut-jpeg"),
        pytest.param(picture("PNG", (8000, 5000), "1"), "40 megapixels", id="40-megapixel"),
        pytest.param(picture("PNG", (20000, 10000), "1"), "200 megapixels", id="200-megapixel"),
        pytest.param(b"\xff" * (MAX_BYTES + 1), "above the endpoint's 25 MiB", id="too-many-bytes"),
    ],
)
def test_what_the_endpoint_could_not_answer_about_is_refused_here(tmp_path, body, message):
    file = tmp_path / "bin.jpg"
    file.write_bytes(body)
    with pytest.raises(PhotoError, match=message):
        load(file)


@pytest.mark.parametrize(
    "file",
    [
        "containers/tally-inference/model_server.py",
        "emulator/sagemaker_emulator/sagemaker/endpoints/invoke.py",
        "steps/inference.py",
        "steps/preparation/picture.py",
    ],
)
def test_the_endpoints_limit_is_the_same_wherever_it_holds(file):
    """None of these can read the number of another: they run in images of their own."""
    text = (ROOT / file).read_text()
    (written,) = re.findall(r"^MAX_B(?:YTES|ODY) = ([\d *]+)", text, re.MULTILINE)
    assert math.prod(map(int, written.split("*"))) == MAX_BYTES


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(PhotoError, match="no such file"):
        load(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match=f"is a folder; `python pipeline.py score {tmp_path}`"):
        load(tmp_path)


def test_every_wrong_file_is_named_at_once(tmp_path):
    (tmp_path / "bin.jpg").write_bytes(picture("JPEG"))
    (tmp_path / "text.jpg").write_text("three boxes and a bag")
    files = [tmp_path / name for name in ("text.jpg", "bin.jpg", "none.jpg")]
    with pytest.raises(PhotoError, match=r"text\.jpg: is neither.*\n.*none\.jpg: there is no such"):
        load_all(files)
