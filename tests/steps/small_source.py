"""A small source of real JPEGs, and the results of Prepare on it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import prepare

ROOT = Path(__file__).resolve().parents[2]


def jpeg(shade: int, size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 40).point(lambda value: (value + shade) % 256).save(file, "JPEG")
    return file.getvalue()


def photo(number: int, size: tuple[int, int]) -> bytes:
    """A JPEG as smooth as photographs are, unlike noise."""
    file = io.BytesIO()
    small = Image.effect_noise((9, 7), 60).point(lambda value: (value + 20 * number) % 256)
    coloured = Image.merge(
        "RGB", (small, small.rotate(180), small.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    )
    coloured.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def write_bin(
    source: Path, identity: str, count: int, asin: str | None = None, image: bytes | None = None
) -> None:
    item = {"asin": asin or f"B{identity}", "name": "thing", "quantity": count}
    document = {"BIN_FCSKU_DATA": {item["asin"]: item}, "EXPECTED_QUANTITY": count}
    (source / "metadata" / f"{identity}.json").write_text(json.dumps(document))
    content = jpeg(int(identity)) if image is None else image
    (source / "bin-images" / f"{identity}.jpg").write_bytes(content)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Sixty good bins of counts 1-3, every third id the same bin as the one before."""
    folder = tmp_path / "source"
    for name in ("bin-images", "metadata"):
        (folder / name).mkdir(parents=True)
    for number in range(1, 61):
        asin = f"B{number - 1:05d}" if number % 3 == 0 else None
        write_bin(folder, f"{number:05d}", 1 + number % 3, asin)
    return folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPT_ML", str(tmp_path / "ml"))
    return tmp_path / "ml"


def run(source: Path | str, *more: str) -> int:
    return prepare.main(["--source", str(source), "--classes", "1-3", *more])


def manifest(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        (root / "processing/output/manifest/manifest.json").read_text()
    )
    return document


def message(root: Path) -> str:
    return (root / "output/message").read_text()
