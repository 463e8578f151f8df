"""The items in a drawn bin, their places, and how they change between two photographs."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from demo.products import Product, invent

# The share of an item that must stay visible behind others, so that it can be counted.
VISIBLE = 0.55
MOST = 9
# Kinds of products that others may lie on.
FLAT = ("carton", "box")


@dataclass(frozen=True)
class Item:
    """An item and its place, in inches from the upper left corner of the bin's inside."""

    product: Product
    left: float
    base: float
    floor: float
    angle: float
    on: int
    number: int

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        top = self.base - self.product.height
        return self.left, top, self.left + self.product.width, self.base


@dataclass(frozen=True)
class Contents:
    """The inside of a bin, `width` by `height` inches, and its items from back to front."""

    width: float
    height: float
    items: tuple[Item, ...] = ()

    @property
    def metadata(self) -> dict[str, object]:
        """The bin's metadata as the Amazon Bin Image Dataset writes it."""
        quantities = Counter(item.product.asin for item in self.items)
        products = {item.product.asin: item.product for item in self.items}
        return {
            "BIN_FCSKU_DATA": {a: products[a].entry(quantities[a]) for a in sorted(products)},
            "EXPECTED_QUANTITY": len(self.items),
        }


def fill(rng: np.random.Generator, count: int) -> Contents:
    """Return a bin with `count` items."""
    contents = Contents(width=float(rng.uniform(13.0, 18.0)), height=float(rng.uniform(9.0, 11.5)))
    for _ in range(count):
        contents = add(rng, contents)
    return contents


def add(rng: np.random.Generator, contents: Contents) -> Contents:
    """Return the same bin with one item more; the others stay in their places.

    After some tries without room a smaller item is taken, as a packer would do.
    """
    scale = 1.28 - 0.07 * len(contents.items)
    twin = contents.items[-1].product if contents.items and rng.random() < 0.3 else None
    number = max((item.number for item in contents.items), default=-1) + 1
    while True:
        for attempt in range(14):
            product = twin if twin and attempt < 10 else invent(rng, scale)
            item = _propose(rng, contents, product, number)
            items = tuple(sorted((*contents.items, item), key=lambda i: (i.floor, i.number)))
            if item.box[1] >= 0.2 and _least_visible(contents, items) >= VISIBLE:
                return replace(contents, items=items)
        twin = None
        scale *= 0.88


def remove(rng: np.random.Generator, contents: Contents) -> Contents:
    """Return the same bin without one item that carries no other."""
    carrying = {item.on for item in contents.items}
    free = [item for item in contents.items if item.number not in carrying]
    removed = free[rng.integers(len(free))]
    return replace(contents, items=tuple(i for i in contents.items if i.number != removed.number))


def _propose(rng: np.random.Generator, contents: Contents, product: Product, number: int) -> Item:
    """Propose a place on the floor or on another item."""
    lean = {"book": 9.0, "bag": 12.0, "roll": 12.0}.get(product.kind, 3.0)
    angle = float(np.clip(rng.normal(0, lean / 2), -lean, lean))
    carriers = [i for i in contents.items if i.product.kind in FLAT and i.on < 0]
    if carriers and rng.random() < 0.4:
        below = carriers[rng.integers(len(carriers))]
        # Its middle lies over the carrier, away from the edges, so that it does not tip.
        middle = below.left + below.product.width * rng.uniform(0.38, 0.62)
        left = float(np.clip(middle - product.width / 2, 0.1, contents.width - product.width))
        base = below.base - below.product.height * 0.96
        return Item(product, left, base, below.floor, below.angle, below.number, number)
    left = float(rng.uniform(0.1, max(0.2, contents.width - product.width - 0.1)))
    floor = float(contents.height * rng.uniform(0.86, 0.99))
    return Item(product, left, floor, floor, angle, -1, number)


def _least_visible(contents: Contents, items: tuple[Item, ...]) -> float:
    """The visible share of the item that is covered most, on a grid of quarter inches."""
    owner = np.full((int(contents.height * 4) + 1, int(contents.width * 4) + 1), -1)
    areas = []
    for index, item in enumerate(items):
        left, top, right, bottom = (max(0, round(edge * 4)) for edge in item.box)
        patch = owner[top:bottom, left:right]
        patch[...] = index
        areas.append(max(1, patch.size))
    seen = np.bincount(owner[owner >= 0].ravel(), minlength=len(items))
    return float(min(seen / np.array(areas)))
