"""Draw products as they look from the front."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from demo.products import Colour, Product


def picture(product: Product, width: int, height: int) -> Image.Image:
    """Draw the product from the front, lit from above, on a transparent ground.

    Args:
        product: The product, which looks the same each time.
        width: Pixels.
        height: Pixels.
    """
    width, height = max(width, 8), max(height, 8)
    rng = np.random.default_rng(product.look)
    image = Image.new("RGBA", (width, height))
    PAINTERS[product.kind](image, ImageDraw.Draw(image), product, rng)
    return image


def _shade(image: Image.Image, factor: np.ndarray) -> None:
    """Multiply the colours in place by `factor`, which broadcasts to (height, width)."""
    pixels = np.asarray(image).astype(np.float32)
    pixels[..., :3] *= np.broadcast_to(factor, pixels.shape[:2])[..., None]
    image.paste(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGBA"))


def _tone(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, int(part * factor)) for part in colour)
    return red, green, blue


def _barcode(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], rng: np.random.Generator
) -> None:
    """Draw a white sticker with bars, if there is room."""
    left, top, right, bottom = box
    if bottom - top < 5:
        return
    draw.rectangle(box, fill=(238, 236, 230, 255))
    x = left + 2
    while x < right - 2:
        step = int(rng.integers(1, 4))
        draw.rectangle(
            (x, top + 2, min(x + step - 1, right - 2), bottom - 3), fill=(40, 40, 44, 255)
        )
        x += step + int(rng.integers(1, 3))


def _lettering(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    colour: Colour,
    rng: np.random.Generator,
    word: str = "",
) -> None:
    """Draw a word, and lines of illegible text below it."""
    left, top, right, bottom = box
    y = top
    if word and right - left > 24:
        size = max(7, min(int((right - left) / max(len(word), 3) * 1.5), (bottom - top) // 2, 26))
        draw.text((left, top), word.upper(), fill=(*colour, 255), font=ImageFont.load_default(size))
        y += int(size * 1.3)
    while y + 2 < bottom:
        end = left + int((right - left) * rng.uniform(0.4, 1.0))
        draw.line((left, y, max(end, left + 1), y), fill=(*colour, 190))
        y += int(rng.integers(3, 6))


def _box(
    image: Image.Image, draw: ImageDraw.ImageDraw, product: Product, rng: np.random.Generator
) -> None:
    width, height = image.size
    top = max(2, int(height * rng.uniform(0.05, 0.14)))
    side = int(width * rng.uniform(0.0, 0.16)) if rng.random() < 0.7 else 0
    front = width - side - 1
    colour = product.colour
    draw.polygon(
        [(0, top), (side + 2, 0), (width - 1, 0), (front, top)], fill=(*_tone(colour, 1.3), 255)
    )
    if side:
        points = [(front, top), (width - 1, 0), (width - 1, height - 1 - top), (front, height - 1)]
        draw.polygon(points, fill=(*_tone(colour, 0.55), 255))
    draw.rectangle((0, top, front, height - 1), fill=(*colour, 255))
    if product.kind == "carton":
        middle = front // 2
        tape = max(2, front // 12)
        draw.rectangle(
            (middle - tape, top, middle + tape, int(top + height * 0.22)),
            fill=(*_tone(colour, 1.18), 255),
        )
        if rng.random() < 0.6 and front > 26:
            x, y = int(front * rng.uniform(0.08, 0.4)), int(height * rng.uniform(0.4, 0.66))
            _barcode(draw, (x, y, x + int(front * 0.45), y + max(8, height // 6)), rng)
    else:
        band = int(height * rng.uniform(0.2, 0.6))
        draw.rectangle((0, band, front, band + height // 4), fill=(*product.accent, 255))
        if rng.random() < 0.5:
            radius = min(front, height) // 4
            x, y = int(front * 0.62), int(height * rng.uniform(0.3, 0.75))
            draw.ellipse(
                (x - radius, y - radius, x + radius, y + radius),
                fill=(*_tone(product.accent, 0.8), 255),
            )
        word = (product.name or "Osterly").split()[0]
        text = (245, 242, 234) if sum(colour) < 420 else (36, 38, 46)
        area = (front // 10, top + height // 16, front * 9 // 10, max(band, top + 12))
        _lettering(draw, area, text, rng, word)
        if rng.random() < 0.5 and front > 30:
            _barcode(draw, (front // 10, height * 4 // 5, front // 2, height - 4), rng)
    draw.rectangle((0, top, front, height - 1), outline=(*_tone(colour, 0.5), 255))
    _shade(image, np.linspace(1.12, 0.72, height, dtype=np.float32)[:, None])


def _bag(
    image: Image.Image, draw: ImageDraw.ImageDraw, product: Product, rng: np.random.Generator
) -> None:
    width, height = image.size
    # A pillow that sags: an ellipse pushed towards a rectangle, wide and flat where it lies.
    angles = np.linspace(0, 2 * np.pi, 26, endpoint=False)
    reach = rng.uniform(0.9, 1.0, angles.size)
    x = np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** 0.5 * reach
    y = np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** 0.4 * reach
    x *= 0.9 + 0.1 * y
    y = np.where(y > 0.75, 1.0, y)
    points = [
        ((float(a) + 1) / 2 * (width - 1), (float(b) + 1) / 2 * (height - 1))
        for a, b in zip(x, y, strict=True)
    ]
    alpha = 255 if rng.random() < 0.7 else 225
    draw.polygon(points, fill=(*product.colour, alpha))
    if rng.random() < 0.6 and width > 30:
        left, top = int(width * rng.uniform(0.2, 0.4)), int(height * rng.uniform(0.25, 0.6))
        _barcode(draw, (left, top, left + width // 3, top + max(8, height // 7)), rng)
    folds = np.zeros((height, width), np.float32)
    for cells in (3, 6):
        grid = rng.normal(0, 1, (cells + 1, cells + 1)).astype(np.float32)
        field = np.asarray(
            Image.fromarray(grid, "F").resize((width, height), Image.Resampling.BICUBIC)
        )
        folds += (np.clip(1 - np.abs(field) * 3, 0, 1) * 0.5 - 0.32 * field) * (3 / cells)
    light = np.linspace(1.06, 0.68, height, dtype=np.float32)[:, None]
    _shade(image, light + 0.24 * folds)


def _bottle(
    image: Image.Image, draw: ImageDraw.ImageDraw, product: Product, rng: np.random.Generator
) -> None:
    width, height = image.size
    cap, shoulder = int(height * rng.uniform(0.1, 0.18)), int(height * rng.uniform(0.22, 0.34))
    neck = int(width * rng.uniform(0.2, 0.32))
    draw.rounded_rectangle(
        (0, shoulder - height // 12, width - 1, height - 1), max(2, width // 6),
        fill=(*product.colour, 255),
    )  # fmt: skip
    draw.polygon(
        [(neck, cap), (width - neck, cap), (width - 1, shoulder), (0, shoulder)],
        fill=(*product.colour, 255),
    )
    draw.rectangle((neck, 0, width - neck, cap), fill=(*product.accent, 255))
    label = (0, int(height * 0.45), width - 1, int(height * 0.84))
    draw.rectangle(label, fill=(*_tone(product.accent, 1.1), 255))
    ink = (30, 34, 44) if sum(product.accent) > 380 else (240, 238, 230)
    _lettering(draw, (width // 6, label[1] + 4, width * 5 // 6, label[3] - 3), ink, rng)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    _shade(image, 1.15 - 0.62 * across**2 + 0.35 * np.exp(-(((across + 0.45) / 0.12) ** 2)))


def _book(
    image: Image.Image, draw: ImageDraw.ImageDraw, product: Product, rng: np.random.Generator
) -> None:
    width, height = image.size
    colour, ink = product.colour, product.accent
    draw.rectangle((0, 0, width - 1, height - 1), fill=(*colour, 255))
    if width < height * 0.4:  # seen from the spine
        for y in (height // 9, height * 8 // 9):
            draw.line((0, y, width, y), fill=(*ink, 255), width=max(1, height // 50))
        title = Image.new("RGBA", (height * 3 // 5, max(6, width * 2 // 3)))
        _lettering(ImageDraw.Draw(title), (0, 0, title.width, title.height), ink, rng, "Almanac")
        turned = title.rotate(-90, expand=True)
        image.alpha_composite(turned, (max(0, (width - turned.width) // 2), height // 5))
        across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        _shade(image, 1.1 - 0.4 * across**2)
    else:
        frame = (width // 9, height // 3, width * 8 // 9, height * 7 // 8)
        draw.rectangle(frame, fill=(*_tone(ink, 0.9), 255))
        draw.polygon(
            [(frame[0], frame[3]), (int(width * rng.uniform(0.3, 0.7)), frame[1] + 4), frame[2:]],
            fill=(*_tone(colour, 0.7), 255),
        )
        _lettering(
            draw, (width // 9, height // 12, width * 8 // 9, height // 3), ink, rng, "Stories"
        )
        draw.rectangle(
            (width - max(2, width // 22), 2, width - 1, height - 1), fill=(226, 220, 204, 255)
        )
        _shade(image, np.linspace(1.1, 0.8, height, dtype=np.float32)[:, None])
    draw.rectangle((0, 0, width - 1, height - 1), outline=(*_tone(colour, 0.45), 255))


def _roll(
    image: Image.Image, draw: ImageDraw.ImageDraw, product: Product, rng: np.random.Generator
) -> None:
    width, height = image.size
    draw.ellipse((0, 0, width - 1, height - 1), fill=(*product.colour, 255))
    for ring in np.arange(0.08, 0.34, 0.06):
        x, y = int(width * ring), int(height * ring)
        draw.ellipse(
            (x, y, width - 1 - x, height - 1 - y), outline=(*_tone(product.colour, 0.72), 255)
        )
    x, y = int(width * 0.36), int(height * 0.36)
    draw.ellipse((x, y, width - 1 - x, height - 1 - y), fill=(126, 92, 66, 255))
    x, y = int(width * 0.4), int(height * 0.4)
    draw.ellipse((x, y, width - 1 - x, height - 1 - y), fill=(38, 30, 26, 255))
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    _shade(image, 1.0 - 0.2 * rows - 0.12 * columns)


Painter = Callable[[Image.Image, ImageDraw.ImageDraw, Product, np.random.Generator], None]
PAINTERS: dict[str, Painter] = {
    "carton": _box,
    "box": _box,
    "bag": _bag,
    "bottle": _bottle,
    "book": _book,
    "roll": _roll,
}
