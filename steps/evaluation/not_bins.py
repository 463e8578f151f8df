"""Pictures that are no bins: does the model say so? And how often does it say so of bins?

They are drawn here, so that the test needs no other images: black, white, noise, test photos
blurred until nothing can be told apart, and ten scenes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from evaluation import archive, intervals
from evaluation.errors import EvaluationError
from evaluation.predictions import Predictions
from evaluation.testset import TestImage

SIDE = 512  # pixels
BLURRED = 10  # test photos
NOISE = 5
BLUR = 1 / 12  # radius, as a share of the shorter side


def describe(loaded: archive.LoadedModel, predicted: Predictions) -> dict[str, Any] | None:
    """What evaluation.json holds as tally.not_bins; None for a model that refuses nothing.

    Returns:
        `bins_refused`: the share of the test photos refused by mistake; `refused`: the share of the
        pictures that are no bins refused rightly; and of each kind how many there are and how many
        were refused.

    Raises:
        EvaluationError: the model fails on a picture.
    """
    if loaded.rule is None or predicted.strangeness is None:
        return None
    strangest = float(loaded.rule.strangest)
    bins = predicted.strangeness > strangest
    kinds: dict[str, dict[str, int]] = {}
    for name, pictures in pictures_by_kind(predicted.images).items():
        strange = [strangeness(loaded, picture) > strangest for picture in pictures]
        kinds[name] = {"pictures": len(strange), "refused": sum(strange)}
    drawn, refused = (sum(one[key] for one in kinds.values()) for key in ("pictures", "refused"))
    return {
        "bins_refused": _share(int(bins.sum()), len(bins)),
        "refused": _share(refused, drawn),
        "kinds": kinds,
    }


def pictures_by_kind(images: Sequence[TestImage]) -> dict[str, list[Image.Image]]:
    """The pictures that are no bins.

    Args:
        images: test images, of which some are blurred.
    """
    generator = np.random.default_rng(0)
    kinds = {
        "black": [Image.new("RGB", (SIDE, SIDE), "black")],
        "white": [Image.new("RGB", (SIDE, SIDE), "white")],
        "noise": [
            Image.fromarray(generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
            for _ in range(NOISE)
        ],
        "blurred": list(_blurred(images)),
    }
    for draw in SCENES:
        scene = Image.new("RGB", (SIDE, SIDE))
        draw(scene, ImageDraw.Draw(scene), generator)
        kinds[draw.__name__.strip("_").replace("_", " ")] = [scene]
    return kinds


def strangeness(loaded: archive.LoadedModel, picture: Image.Image) -> float:
    """How unlike a bin the model finds a picture.

    Raises:
        EvaluationError: the model fails on it.
    """
    content = io.BytesIO()
    picture.save(content, "PNG")
    try:
        batch = loaded.program.input_fn(content.getvalue(), "image/png")
        (evidence,) = loaded.program.evidence_fn(batch, loaded.model)
    except Exception as error:  # the archive's own code runs here, and may raise anything
        raise EvaluationError(
            f"the model fails on a drawn picture: {type(error).__name__}: {error}"
        ) from error
    return float(evidence.strangeness)


def _share(number: int, images: int) -> dict[str, float | None]:
    return {"value": number / images, **intervals.wilson(number, images)}


def _blurred(images: Sequence[TestImage]) -> Iterator[Image.Image]:
    chosen = np.unique(np.linspace(0, len(images) - 1, BLURRED).astype(int))
    for index in chosen.tolist():
        with Image.open(images[index].path) as opened:
            photo = ImageOps.exif_transpose(opened).convert("RGB")
        yield photo.filter(ImageFilter.GaussianBlur(BLUR * min(photo.size)))


Draw = Callable[[Image.Image, ImageDraw.ImageDraw, np.random.Generator], None]


def _box_face(image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    image.paste((176, 132, 84), (0, 0, SIDE, SIDE))
    pen.rectangle((0, SIDE * 0.46, SIDE, SIDE * 0.54), fill=(204, 178, 128))
    pen.rectangle((SIDE * 0.6, SIDE * 0.62, SIDE * 0.92, SIDE * 0.88), fill="white")
    for at in range(12):
        x = SIDE * (0.63 + 0.022 * at)
        pen.rectangle((x, SIDE * 0.66, x + 2 + at % 4, SIDE * 0.8), fill="black")


def _floor(image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    for row in range(8):
        tone = int(random.integers(120, 170))
        y = row * SIDE / 8
        pen.rectangle(
            (0, y, SIDE, y + SIDE / 8 - 3), fill=(tone, int(0.72 * tone), int(0.5 * tone))
        )


def _page_of_text(
    image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator
) -> None:
    image.paste((250, 249, 245), (0, 0, SIDE, SIDE))
    for row in range(24):
        x = SIDE * 0.1
        while x < SIDE * 0.88:
            width = int(random.integers(8, 44))
            y = SIDE * (0.08 + row * 0.036)
            pen.rectangle((x, y, min(x + width, SIDE * 0.9), y + 6), fill=(40, 40, 44))
            x += width + 7


def _gradient(image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    for x in range(SIDE):
        share = x / SIDE
        pen.line((x, 0, x, SIDE), fill=(int(255 * share), 90, int(255 * (1 - share))))


def _sky(image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    for y in range(SIDE):
        pen.line((0, y, SIDE, y), fill=(90 + y // 4, 150 + y // 6, 225 + y // 20))
    for _ in range(14):
        x, y = random.integers(0, SIDE, 2).tolist()
        pen.ellipse((x, y * 0.7, x + 120, y * 0.7 + 36), fill=(244, 247, 250))


def _checkerboard(
    image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator
) -> None:
    side = SIDE // 8
    for row in range(8):
        for column in range(8):
            corner = (column * side, row * side, (column + 1) * side, (row + 1) * side)
            pen.rectangle(corner, fill="black" if (row + column) % 2 else "white")


def _brick_wall(image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    image.paste((190, 184, 176), (0, 0, SIDE, SIDE))
    for row in range(13):
        for column in range(-1, 7):
            x, y = column * 84 + 42 * (row % 2), row * 40
            pen.rectangle((x, y, x + 78, y + 34), fill=(int(random.integers(130, 190)), 62, 48))


def _meadow(image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    image.paste((150, 196, 240), (0, 0, SIDE, SIDE // 2))
    image.paste((86, 150, 60), (0, SIDE // 2, SIDE, SIDE))
    pen.polygon([(0, 256), (150, 120), (290, 256)], fill=(110, 122, 110))
    for _ in range(300):
        x, y = int(random.integers(0, SIDE)), int(random.integers(SIDE // 2, SIDE))
        pen.line((x, y, x + 3, y - 14), fill=(60, int(random.integers(110, 190)), 50))


def _street_at_night(
    image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator
) -> None:
    image.paste((12, 14, 28), (0, 0, SIDE, SIDE))
    for _ in range(40):
        x, y, r = (int(number) for number in random.integers((0, 0, 3), (SIDE, SIDE, 14)))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(255, int(random.integers(150, 240)), 90))


def _chart(image: Image.Image, pen: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    image.paste("white", (0, 0, SIDE, SIDE))
    pen.line((60, 40, 60, 450, 480, 450), fill="black", width=3)
    for at in range(7):
        height = int(random.integers(60, 360))
        pen.rectangle((80 + 56 * at, 448 - height, 116 + 56 * at, 448), fill=(0, 114, 178))


SCENES: tuple[Draw, ...] = (
    _box_face, _floor, _page_of_text, _gradient, _sky, _checkerboard, _brick_wall, _meadow,
    _street_at_night, _chart,
)  # fmt: skip
