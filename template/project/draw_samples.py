"""Draw sample pictures into data/: circles, squares and triangles on a noisy ground."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

SIZE, EACH = 96, 60
SIDES = {"circle": 40, "square": 4, "triangle": 3}


def draw(name: str, random: random.Random) -> Image.Image:
    """One shape of a random place, size, angle and colour."""
    grey = random.randint(90, 160)
    ground = bytes(random.randint(grey - 25, grey + 25) for _ in range(SIZE * SIZE))
    picture = Image.frombytes("L", (SIZE, SIZE), ground).convert("RGB")
    radius = random.uniform(14, 34)
    x, y = (random.uniform(radius, SIZE - radius) for _ in "xy")
    colour = tuple(random.choice((random.randint(0, 60), random.randint(195, 255))) for _ in "rgb")
    ImageDraw.Draw(picture).regular_polygon(
        (x, y, radius), SIDES[name], rotation=random.randint(0, 359), fill=colour
    )
    return picture


def main() -> None:
    """Draw all pictures; the same ones each time."""
    folder = Path(__file__).resolve().parent / "data"
    source = random.Random(1)
    for name in SIDES:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(EACH):
            draw(name, source).save(folder / name / f"{number:03}.png")
    print(f"{EACH * len(SIDES)} pictures of {', '.join(SIDES)} are in {folder}.")


if __name__ == "__main__":
    main()
