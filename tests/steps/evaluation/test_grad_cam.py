"""Grad-CAM on a network whose answer is known to depend on one corner alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import plotting
from evaluation import grad_cam


class Corner(nn.Module):
    """Two counts, told apart by the light of the upper left quarter."""

    def __init__(self) -> None:
        super().__init__()
        self.light = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.ones_(self.light.weight)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        maps = self.light(pixels.permute(0, 3, 1, 2).float() / 255)
        corner = maps[:, 0, :4, :4].mean(dim=(1, 2))
        return (torch.stack([-corner, corner], dim=1).softmax(dim=1),)


def test_a_turned_photo_is_shown_upright(tmp_path: Path) -> None:
    """As the network sees it: the camera said that it was held on its side."""
    lying = Image.new("RGB", (60, 40), "black")
    lying.paste("white", (0, 0, 60, 20))  # bright above, which is right once it is turned
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(tmp_path / "1.jpg", exif=exif, quality=95)
    for picture in (grad_cam._picture(tmp_path / "1.jpg"), plotting._tile(tmp_path / "1.jpg")):
        middle = picture[len(picture) // 2]
        assert (
            middle[len(middle) * 7 // 10].mean() > 200 > 60 > middle[len(middle) * 3 // 10].mean()
        )


def test_the_heat_is_where_the_answer_comes_from() -> None:
    pixels = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    pixels[0, :4, :4] = 200
    pixels[1, 1, 2] = 255
    found = grad_cam.heat(Corner(), pixels, np.array([1, 1]))
    assert found.shape == (2, 8, 8)
    assert found[0, :4, :4].min() == pytest.approx(1)
    assert found[0, 4:].max() == found[0, :, 4:].max() == 0
    assert np.argwhere(found[1] > 0).tolist() == [[1, 2]]


def test_what_speaks_against_the_answer_is_cold() -> None:
    pixels = np.full((1, 8, 8, 3), 200, dtype=np.uint8)
    assert grad_cam.heat(Corner(), pixels, np.array([0])).max() == 0


def test_a_network_without_maps_says_so() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(12, 2), nn.Softmax(dim=1))

    class Float(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flat = flat

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
            return (self.flat(pixels.float()),)

    with pytest.raises(LookupError, match="no layer whose maps"):
        grad_cam.heat(Float(), np.zeros((1, 2, 2, 3), dtype=np.uint8), np.array([0]))
