import io
import math
import re
import struct

import pytest
from PIL import Image

from pipelines.root import ROOT
from pipelines.serving.prediction import MAX_BYTES, ImageError, load, load_all


def picture(kind, size=(40, 30)):
    body = io.BytesIO()
    Image.new("RGB", size, "tan").save(body, kind)
    return body.getvalue()


def png_of(width, height):
    """The head of a PNG of that size, which is all that is looked at."""
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02"


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
        pytest.param(png_of(8000, 5000), "40 megapixels", id="40-megapixel"),
        pytest.param(b"\xff" * (MAX_BYTES + 1), "above the endpoint's 25 MiB", id="too-many-bytes"),
    ],
)
def test_what_the_endpoint_could_not_answer_about_is_refused_here(tmp_path, body, message):
    file = tmp_path / "bin.jpg"
    file.write_bytes(body)
    with pytest.raises(ImageError, match=message):
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
    with pytest.raises(ImageError, match="no such file"):
        load(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match=f"is a folder; `python pipeline.py score {tmp_path}`"):
        load(tmp_path)


def test_every_wrong_file_is_named_at_once(tmp_path):
    (tmp_path / "bin.jpg").write_bytes(picture("JPEG"))
    (tmp_path / "text.jpg").write_text("three boxes and a bag")
    files = [tmp_path / name for name in ("text.jpg", "bin.jpg", "none.jpg")]
    with pytest.raises(ImageError, match=r"text\.jpg: is neither.*\n.*none\.jpg: there is no such"):
        load_all(files)
