"""Two photos to count."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("1.jpg", "2.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    return tmp_path
