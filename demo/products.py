"""The invented products of the drawn bins, and their entries in the stock record."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]

# Colours of packages, chosen to contrast with the olive yellow of the bin's fabric.
PRINTS: tuple[Colour, ...] = (
    (176, 36, 44), (34, 84, 158), (28, 118, 92), (232, 232, 228), (44, 44, 52), (214, 96, 40),
    (120, 58, 132), (62, 150, 190), (206, 84, 128), (96, 146, 66), (22, 46, 92), (146, 150, 160),
)  # fmt: skip
CARTONS: tuple[Colour, ...] = ((142, 98, 66), (118, 80, 56), (164, 118, 84), (98, 70, 52))
FILMS: tuple[Colour, ...] = ((226, 224, 220), (200, 206, 214), (52, 54, 60), (150, 178, 206))

MAKERS = ("Harrowby", "Nordlake", "Pell & Finch", "Osterly", "Brightmoor", "Calden", "Tamsin")
GOODS = {
    "carton": ("Desk Lamp", "Brake Pads", "Coffee Maker Filter Basket", "Door Handle Set"),
    "box": ("Board Game", "Herbal Tea", "Light Bulbs", "Building Bricks", "Phone Case"),
    "bag": ("Cotton T-Shirt", "Pillow Cover", "Yoga Leggings", "Bath Towel", "Wool Socks"),
    "bottle": ("Shampoo", "Olive Oil", "Vitamin Capsules", "Glass Cleaner", "Hand Lotion"),
    "book": ("Garden Almanac", "A History of Bridges", "Collected Stories", "Bread at Home"),
    "roll": ("Packing Tape", "Kitchen Paper", "Gift Wrap", "Yoga Mat", "Masking Tape"),
}
VARIANTS = ("Blue", "Red", "Pack of 2", "Large", "Small", "12 oz", "Green", "One Size")

# Width and height on the shelf in inches, lowest and highest, and the depth as a share of width.
SIZES: dict[str, tuple[float, float, float, float]] = {
    "carton": (3.6, 6.6, 3.4, 7.0),
    "box": (2.8, 5.4, 3.0, 6.6),
    "bag": (4.2, 7.0, 3.2, 6.0),
    "bottle": (1.7, 2.6, 4.6, 7.2),
    "book": (1.3, 5.2, 5.4, 7.8),
    "roll": (2.6, 4.4, 2.6, 4.4),
}


@dataclass(frozen=True)
class Product:
    """One product: lengths in inches, weight in pounds."""

    asin: str
    kind: str
    name: str | None
    width: float
    height: float
    depth: float
    weight: float | None
    measured: bool
    colour: Colour
    accent: Colour
    look: int

    def entry(self, quantity: int) -> dict[str, object]:
        """The product's part of `BIN_FCSKU_DATA`, as the Amazon Bin Image Dataset writes it."""

        def inches(value: float) -> dict[str, object] | None:
            return {"unit": "IN", "value": value} if self.measured else None

        return {
            "asin": self.asin,
            "height": inches(self.depth),
            "length": inches(self.height),
            "name": self.name,
            "normalizedName": self.name,
            "quantity": quantity,
            "weight": None if self.weight is None else {"unit": "pounds", "value": self.weight},
            "width": inches(self.width),
        }


def invent(rng: np.random.Generator, scale: float = 1.0) -> Product:
    """Invent a product.

    Args:
        rng: Where chance comes from; the product depends on nothing else.
        scale: Factor on the size, below 1 where a full bin has little room left.
    """
    kind = str(rng.choice(list(GOODS), p=(0.24, 0.24, 0.18, 0.12, 0.14, 0.08)))
    narrow, wide, low, tall = SIZES[kind]
    width, height = rng.uniform(narrow, wide) * scale, rng.uniform(low, tall) * scale
    if kind == "roll":
        height = width * rng.uniform(0.9, 1.1)
    palette = {"carton": CARTONS, "bag": FILMS}.get(kind, PRINTS)
    colour = palette[rng.integers(len(palette))]
    accent = PRINTS[rng.integers(len(PRINTS))]
    if sum(abs(a - b) for a, b in zip(colour, accent, strict=True)) < 150:
        accent = (240, 238, 230) if sum(colour) < 400 else (30, 34, 44)
    letters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    words = [
        str(rng.choice(MAKERS)),
        str(rng.choice(GOODS[kind])) + ",",
        str(rng.choice(VARIANTS)),
    ]
    return Product(
        asin="B0" + "".join(letters[i] for i in rng.integers(len(letters), size=8)),
        kind=kind,
        name=None if rng.random() < 0.02 else " ".join(words),
        width=round(float(width), 3),
        height=round(float(height), 3),
        depth=round(float(width * rng.uniform(0.3, 0.9)), 3),
        weight=None if rng.random() < 0.04 else round(float(rng.uniform(0.1, 3.5)), 3),
        measured=bool(rng.random() >= 0.04),
        colour=colour,
        accent=accent,
        look=int(rng.integers(1 << 31)),
    )
