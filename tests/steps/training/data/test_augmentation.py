"""Changes of images, and their size in a growing training."""

from typing import Any

import pytest
import torch

from training.data import augmentation


@pytest.mark.parametrize("strength", augmentation.STRENGTHS)
def test_augmentation_keeps_shape_range_and_items(strength: Any) -> None:
    pixels = torch.zeros(6, 3, 48, 48)
    pixels[:, :, 14:34, 14:34] = 1.0
    generator = torch.Generator().manual_seed(0)
    changes = augmentation.draw(6, augmentation.STRENGTHS[strength], generator)
    changed = augmentation.apply(pixels, changes)
    assert changed.shape == pixels.shape
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert not torch.equal(changed, pixels)
    area = (changed.mean(1) > 0.5).float().mean((1, 2))
    rest = 0.25 if strength == "light" else 0.45
    assert torch.allclose(area, torch.full((6,), (20 / 48) ** 2), rtol=rest)


def test_an_image_is_changed_in_the_same_way_alone_and_in_a_batch() -> None:
    pixels = torch.rand(6, 3, 32, 32)
    generator = torch.Generator().manual_seed(0)
    changes = augmentation.draw(6, augmentation.STRENGTHS["standard"], generator)
    together = augmentation.apply(pixels, changes)
    assert torch.allclose(together[4:], augmentation.apply(pixels[4:], changes[4:]), atol=1e-6)


@pytest.mark.parametrize(
    ("epoch", "size"), [(1, 160), (4, 160), (5, 224), (10, 224)], ids=lambda value: str(value)
)
def test_images_grow_after_two_fifths_of_the_epochs(epoch: int, size: int) -> None:
    assert augmentation.size_in(epoch, 10, 224) == size


def test_small_images_do_not_shrink_below_the_stride() -> None:
    assert augmentation.size_in(1, 10, 32) == 32
