"""The products of the drawn bins: each can be drawn in any size."""

import numpy as np
import pytest

from demo.items import PAINTERS, picture
from demo.products import invent


@pytest.mark.parametrize("kind", sorted(PAINTERS))
def test_a_product_is_drawn_at_every_size(kind: str) -> None:
    products = (invent(np.random.default_rng(seed)) for seed in range(400))
    of_kind = [product for product in products if product.kind == kind]
    assert len(of_kind) > 10
    for product in of_kind[:20]:
        for width in (8, 20, 33, 90):
            for height in (8, 14, 22, 31, 90):
                image = picture(product, width, height)
                assert image.size == (width, height)
                assert image.getchannel("A").getbbox()  # something is visible
