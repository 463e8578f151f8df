"""Photograph a drawn bin: fabric, items, elastic bands, label, light, camera."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from demo.contents import Contents, Item
from demo.items import picture
from demo.products import Colour

FABRICS: tuple[Colour, ...] = ((206, 182, 102), (196, 170, 88), (212, 190, 120))
LABELS: tuple[Colour, ...] = ((232, 126, 62), (40, 52, 92), (118, 168, 206), (226, 150, 160))


@dataclass(frozen=True)
class Frame:
    """The position of a bin's parts in its photograph, in pixels."""

    width: int
    height: int
    scale: float
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Scene:
    """A bin before the camera: `bin_look` seeds what never changes, `shot` one exposure."""

    contents: Contents
    bin_look: tuple[int, ...]
    shot: tuple[int, ...]


def photograph(scene: Scene) -> bytes:
    """Return the scene as a JPEG file, with the same bytes for the same scene."""
    fixed = np.random.default_rng(scene.bin_look)
    shot = np.random.default_rng(scene.shot)
    contents = scene.contents
    scale = float(fixed.uniform(20.5, 30.0))
    side, above, below = (int(fixed.uniform(*r) * scale) for r in ((0.2, 0.9), (0.9, 2), (1, 2.2)))
    right, bottom = side + int(contents.width * scale), above + int(contents.height * scale)
    frame = Frame(right + side, bottom + below, scale, side, above, right, bottom)
    fabric = FABRICS[fixed.integers(len(FABRICS))]
    image = _inside(frame, fabric, fixed)
    for item in contents.items:
        _put(image, frame, item)
    _bands(image, frame, fixed, shot)
    _rim(image, frame, fabric, fixed)
    return _expose(image, shot)


def _field(
    rng: np.random.Generator, size: tuple[int, int], cells: int, spread: float
) -> np.ndarray:
    """Smooth noise of shape (height, width) with mean 0."""
    grid = rng.normal(0, spread, (cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(grid, "F").resize(size, Image.Resampling.BICUBIC))


def _as_image(pixels: np.ndarray) -> Image.Image:
    """Make an image of values of shape (height, width, 3), limited to 0 to 255 in place."""
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))


def _inside(frame: Frame, fabric: Colour, rng: np.random.Generator) -> Image.Image:
    """Draw back wall, side walls and floor, darker with depth."""
    size = (frame.width, frame.height)
    image = Image.new("RGB", size, fabric)
    draw = ImageDraw.Draw(image)
    dark = rng.uniform(0.5, 0.72)
    inset = int((frame.right - frame.left) * rng.uniform(0.04, 0.09))
    deep = int((frame.bottom - frame.top) * rng.uniform(0.14, 0.2))
    left, top, right, bottom = frame.left, frame.top, frame.right, frame.bottom

    def tone(factor: float) -> Colour:
        red, green, blue = (int(part * factor) for part in fabric)
        return red, green, blue

    draw.rectangle((left, top, right, bottom), fill=tone(dark))
    draw.polygon(
        [(left, top), (left + inset, top), (left + inset, bottom - deep), (left, bottom)],
        fill=tone(dark * 1.16),
    )
    draw.polygon(
        [(right, top), (right - inset, top), (right - inset, bottom - deep), (right, bottom)],
        fill=tone(dark * 0.82),
    )
    back = [(right - inset, bottom - deep), (left + inset, bottom - deep)]
    draw.polygon([(left, bottom), (right, bottom), *back], fill=tone(dark * 0.72))
    image = image.filter(ImageFilter.BoxBlur(2))
    light = np.linspace(0.72, 1.08, frame.height, dtype=np.float32)[:, None]
    light = light + _field(rng, size, 5, 0.035)
    pixels = np.asarray(image).astype(np.float32)
    pixels *= light[..., None]
    return _as_image(pixels)


def _put(image: Image.Image, frame: Frame, item: Item) -> None:
    """Draw an item and its shadow."""
    product, scale = item.product, frame.scale
    sprite = picture(product, round(product.width * scale), round(product.height * scale))
    # Items are darker the farther back they are.
    front = item.floor * scale / (frame.bottom - frame.top)
    veil = Image.new("RGBA", sprite.size, (24, 19, 8, int(min(0.3, 1.0 - front + 0.03) * 400)))
    sprite.paste(Image.alpha_composite(sprite, veil), (0, 0), sprite.getchannel("A"))
    x_middle = frame.left + (item.left + product.width / 2) * scale
    y_middle = frame.top + (item.base - product.height / 2) * scale
    if abs(item.angle) > 0.5:
        sprite = sprite.rotate(item.angle, Image.Resampling.BICUBIC, expand=True)
    x, y = round(x_middle - sprite.width / 2), round(y_middle - sprite.height / 2)
    reach = max(3, round(scale * 0.28))
    shadow = Image.new("L", (sprite.width + 4 * reach, sprite.height + 4 * reach))
    shadow.paste(sprite.getchannel("A").point(lambda v: v * 6 // 10), (2 * reach, 2 * reach))
    shadow = shadow.filter(ImageFilter.BoxBlur(reach * 0.8))
    image.paste((22, 17, 8), (x - 2 * reach + reach // 2, y - 2 * reach + reach // 2), shadow)
    image.paste(sprite, (x, y), sprite)


def _bands(
    image: Image.Image, frame: Frame, fixed: np.random.Generator, shot: np.random.Generator
) -> None:
    """Draw two groups of clear elastic cords across the opening, with their shadows."""
    inner = frame.bottom - frame.top
    cords, shades = Image.new("L", image.size), Image.new("L", image.size)
    xs = np.linspace(0, frame.width, 9)
    sag = fixed.normal(0, inner * 0.012) + shot.normal(0, inner * 0.008)
    for centre in (fixed.uniform(0.2, 0.34), fixed.uniform(0.66, 0.82)):
        count, pitch = int(fixed.integers(8, 16)), inner * fixed.uniform(0.015, 0.021)
        clarity = int(fixed.uniform(70, 150))
        for cord in range(count):
            y = frame.top + inner * centre + (cord - count / 2) * pitch + shot.normal(0, 0.5)
            ys = y + sag * (1 - (2 * xs / frame.width - 1) ** 2)
            for layer, lower, strength in ((shades, 1.4, clarity // 2), (cords, 0.0, clarity)):
                points = list(zip(xs.tolist(), (ys + lower).tolist(), strict=True))
                ImageDraw.Draw(layer).line(points, strength, width=1 if pitch < 5 else 2)
    image.paste((40, 34, 26), (0, 0), shades)
    image.paste((206, 198, 184), (0, 0), cords)


def _rim(image: Image.Image, frame: Frame, fabric: Colour, rng: np.random.Generator) -> None:
    """Draw the fabric's hem on all sides, its stitches, and the bin's label."""
    size = image.size
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    xs = np.linspace(0, frame.width, 13)
    arch = 1 - (2 * xs / frame.width - 1) ** 2
    upper = frame.top + arch * rng.normal(0, frame.top * 0.12)
    lower = frame.bottom + arch * abs(rng.normal(0, (frame.height - frame.bottom) * 0.3)) - 2
    draw.polygon([(0, 0), *zip(xs.tolist(), upper.tolist(), strict=True), (frame.width, 0)], 255)
    base = [(0, frame.height), *zip(xs.tolist(), lower.tolist(), strict=True)]
    draw.polygon([*base, (frame.width, frame.height)], 255)
    draw.rectangle((0, 0, frame.left * 2 // 3, frame.height), 255)
    draw.rectangle((frame.width - frame.left * 2 // 3, 0, frame.width, frame.height), 255)
    shadow = mask.filter(ImageFilter.BoxBlur(7)).point(lambda v: v * 6 // 10)
    image.paste((30, 24, 10), (0, 0), shadow)
    light = np.linspace(1.0, 1.1, frame.height, dtype=np.float32)[:, None]
    light = light + _field(rng, size, 9, 0.03)
    cloth = np.array(fabric, np.float32) * light[..., None]
    image.paste(_as_image(cloth), (0, 0), mask)
    stitches = ImageDraw.Draw(image)
    thread = (int(fabric[0] * 0.72), int(fabric[1] * 0.72), int(fabric[2] * 0.72))
    for edge, away in ((upper, -5), (lower, 5)):
        at = np.arange(2, frame.width - 4, 7)
        for x, y in zip(at.tolist(), np.interp(at, xs, edge).tolist(), strict=True):
            stitches.line((x, y + away, x + 4, y + away), fill=thread)
    _label(image, frame, rng)


def _label(image: Image.Image, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a coloured card with the shelf's code and a matrix code, in a clear pocket."""
    height = max(20, int(frame.scale * rng.uniform(1.0, 1.35)))
    width = int(height * rng.uniform(3.6, 4.4))
    colour = LABELS[rng.integers(len(LABELS))]
    card = Image.new("RGBA", (width + 8, height + 6), (236, 228, 200, 90))
    draw = ImageDraw.Draw(card)
    draw.rectangle((4, 3, width + 3, height + 2), fill=(*colour, 255))
    half = width * 11 // 20
    draw.rectangle((width // 8, 6, half, height - 1), fill=(240, 240, 236, 255))
    code = f"{rng.integers(1, 5)}{'ABCDEFGHI'[rng.integers(9)]}"
    font = ImageFont.load_default(height * 0.72)
    draw.text(((width // 8 + half) / 2, height / 2 + 3), code, (24, 24, 30), font, anchor="mm")
    cells = rng.random((11, 11)) < 0.5
    cells[:, 0] = cells[-1, :] = True
    matrix = Image.fromarray(np.where(cells, 26, 240).astype(np.uint8))
    edge = height - 6
    card.paste(matrix.resize((edge, edge), Image.Resampling.NEAREST), (half + width // 10, 6))
    tilted = card.rotate(float(rng.normal(0, 2.0)), Image.Resampling.BICUBIC, expand=True)
    x = int(rng.uniform(0.15, 0.85) * (frame.width - tilted.width))
    room = frame.height - frame.bottom
    if rng.random() < 0.75:
        y = frame.bottom + max(4, (room - tilted.height) // 2 + int(rng.normal(3, 3)))
    else:
        y = (frame.top - tilted.height) // 2
    image.paste(tilted, (x, y), tilted)


def _expose(image: Image.Image, rng: np.random.Generator) -> bytes:
    """Apply the camera: focus, light, colour cast, noise and compression."""
    soft = rng.uniform(0.45, 1.0) if rng.random() < 0.9 else rng.uniform(1.4, 2.6)
    image = image.filter(ImageFilter.BoxBlur(float(soft)))
    width, height = image.size
    pixels = np.asarray(image).astype(np.float32)
    grey = np.asarray(image.convert("L")).astype(np.float32)[..., None]
    saturation = np.float32(rng.uniform(0.72, 0.92))
    pixels *= saturation
    pixels += grey * (1 - saturation)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light = rng.uniform(0.82, 1.06) - 0.13 * (x * x + y * y) + rng.normal(0, 0.06) * x
    cast = np.array([1.03, 0.98, 0.95], np.float32) + rng.normal(0, 0.012, 3).astype(np.float32)
    pixels *= light.astype(np.float32)[..., None]
    pixels *= cast
    grain = rng.standard_normal((height, width, 1), dtype=np.float32)
    pixels += grain * np.float32(rng.uniform(1.5, 3.5)) + 3
    buffer = io.BytesIO()
    _as_image(pixels).save(buffer, "JPEG", quality=int(rng.integers(72, 88)))
    return buffer.getvalue()
