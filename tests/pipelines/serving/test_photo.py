"""Checks of a photo before it is sent to the endpoint."""

import ast
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipelines.root import ROOT
from pipelines.serving.photo import PhotoError, load, load_all
from pipelines.steps import photo


def picture(kind: str, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    body = io.BytesIO()
    Image.new(mode, size).save(body, kind)
    return body.getvalue()


@pytest.mark.parametrize(
    ("kind", "content_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")], ids=["jpeg", "png"]
)
def test_the_content_type_follows_the_bytes_not_the_name(
    tmp_path: Path, kind: str, content_type: str
) -> None:
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
        pytest.param(picture("PNG", (8000, 5000), "1"), "40.0 megapixels", id="40-megapixel"),
        pytest.param(picture("PNG", (20000, 10000), "1"), "200.0 megapixels", id="200-megapixel"),
        pytest.param(picture("PNG", (20001, 1), "1"), "at most 20000", id="a-long-side"),
        pytest.param(picture("PNG", (90, 70))[:-30], "cut off", id="half-png"),
        pytest.param(picture("JPEG")[:-2], "cut off", id="jpeg-without-an-end"),
        pytest.param(
            picture("JPEG").replace(b"\x00\x02", b"\n"), "cannot be read", id="lost-bytes"
        ),
        pytest.param(
            b"\xff" * (photo.MAX_BYTES + 1), "above the endpoint's 25 MiB", id="too-many-bytes"
        ),
    ],
)
def test_a_file_that_the_endpoint_would_refuse_is_refused_here(
    tmp_path: Path, body: bytes, message: str
) -> None:
    file = tmp_path / "bin.jpg"
    file.write_bytes(body)
    with pytest.raises(PhotoError, match=message):
        load(file)


def constants(file: str | Path) -> dict[str, Any]:
    """The module's assignments of literals and products, which is how limits are written."""
    return {
        node.targets[0].id: eval(ast.unparse(node.value), {"__builtins__": {}})
        for node in ast.parse((ROOT / file).read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and all(
            isinstance(part, ast.Constant | ast.BinOp | ast.Mult | ast.Tuple | ast.Load)
            for part in ast.walk(node.value)
        )
    }


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("containers/tally-inference/model_server.py", "MAX_BYTES"),
        ("emulator/sagemaker_emulator/sagemaker/endpoints/invoke.py", "MAX_BODY"),
    ],
)
def test_the_servers_allow_bodies_of_the_same_size(file: str, name: str) -> None:
    assert constants(file)[name] == photo.MAX_BYTES


def test_no_other_module_of_the_steps_has_limits_of_its_own() -> None:
    for file in (ROOT / "steps").rglob("*.py"):
        if file.name != "photo.py":
            limits = {"MAX_BYTES", "MAX_SCANS", "CONTENT_TYPES", "FORMATS"}
            assert not limits & set(constants(file)), file


def test_a_jpeg_with_more_scans_than_are_served_is_refused(tmp_path: Path) -> None:
    body = io.BytesIO()
    Image.effect_noise((40, 30), 60).save(body, "JPEG", progressive=True)
    whole = body.getvalue()
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    (tmp_path / "bin.jpg").write_bytes(whole[:-2] + 101 * scan + whole[-2:])
    with pytest.raises(PhotoError, match=r"1\d\d scans; at most 100 are allowed"):
        load(tmp_path / "bin.jpg")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no such file"):
        load(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match=f"is a folder; `python pipeline.py score {tmp_path}`"):
        load(tmp_path)


def test_every_wrong_file_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "bin.jpg").write_bytes(picture("JPEG"))
    (tmp_path / "text.jpg").write_text("three boxes and a bag")
    files = [tmp_path / name for name in ("text.jpg", "bin.jpg", "none.jpg")]
    with pytest.raises(PhotoError, match=r"text\.jpg: is neither.*\n.*none\.jpg: there is no such"):
        load_all(files)
