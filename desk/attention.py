"""Where the model looked: parts of a photo are covered one by one, and each answer is compared.

The endpoint answers with probabilities alone, so the influence of a part is measured from outside:
a grey patch covers it, and the fall of the answered count's probability is the part's weight.
Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks (ECCV 2014),
section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from desk.pages import percent
from desk.photo import encode, read
from pipelines.serving.photo import Photo

ROWS = COLUMNS = 6
SIDE = 480  # pixels of the photo's longer side in these requests; the model looks at fewer
GREY = (128, 128, 128)
WORKERS = 4  # requests at the same time
SMALLEST_FALL = 0.05  # of a probability; what is below it shows nothing
NEAR_MOST = 0.8  # of the largest fall: a part with so much is named, too
PLACES = 3  # that the sentence names
ROW_NAMES = ("top", "middle", "bottom")
COLUMN_NAMES = ("left", "middle", "right")

Ask = Callable[[Photo], Mapping[str, Any]]


@dataclass(frozen=True)
class Cell:
    """A part of the photo.

    Attributes:
        row: From 0, the top.
        column: From 0, the left.
        fall: By how much the probability of the count falls when the part is covered; below 0 if
            it rises.
    """

    row: int
    column: int
    fall: float

    def as_dict(self) -> dict[str, float]:
        """The cell as the page reads it."""
        return {**asdict(self), "rows": ROWS, "columns": COLUMNS, "of": ROWS * COLUMNS}


@dataclass(frozen=True)
class Attention:
    """A photo whose parts are to be covered.

    Attributes:
        picture: The photo, small.
        count: The answered count's name, such as 3 or 6+.
        base: The count's probability by the whole photo alone.
    """

    picture: Image.Image
    count: str
    base: float

    @classmethod
    def of(cls, body: bytes, count: str, ask: Ask) -> Attention:
        """Return the photo with the count's probability.

        Args:
            body: The photo's file.
            count: The answered count's name.
            ask: Sends a photo to the endpoint and returns the answer.

        Raises:
            PhotoUnusableError: The photo cannot be read.
            KeyError: The model knows no such count.
        """
        picture, _ = read(body, SIDE)
        picture.thumbnail((SIDE, SIDE))
        return cls(picture, count, ask(_photo(picture))["probabilities"][count])

    def cells(self, ask: Ask) -> Iterator[Cell]:
        """Yield the parts of the photo as the endpoint has answered about each of them.

        Raises:
            As `ask`.
        """
        places = [(row, column) for row in range(ROWS) for column in range(COLUMNS)]
        workers = ThreadPoolExecutor(WORKERS)
        try:
            for answer in as_completed([workers.submit(self._cell, ask, *at) for at in places]):
                yield answer.result()
        finally:  # the page may be gone
            workers.shutdown(wait=False, cancel_futures=True)

    def sentence(self, cells: Sequence[Cell]) -> str:
        """Return where the model looked, in words."""
        falls = sorted(cells, key=lambda cell: (-cell.fall, cell.row, cell.column))
        most = falls[0].fall
        count = f"{self.count[:-1]} or more" if self.count.endswith("+") else self.count
        if most < SMALLEST_FALL:
            return (
                "No single part of the photo decides: whichever part is covered, the probability "
                f"of {count} stays near {percent(self.base)}."
            )
        near = [cell for cell in falls if cell.fall >= NEAR_MOST * most]
        places = list(dict.fromkeys(f"the {place(cell)}" for cell in near))[:PLACES]
        where = " and ".join(filter(None, [", ".join(places[:-1]), places[-1]]))
        fall = f"from {percent(self.base)} to {percent(max(0.0, self.base - most))}"
        return (
            f"The model looked most at {where} of the photo. When one part there is covered, the "
            f"probability of {count} by the photo alone falls {fall}."
        )

    def _cell(self, ask: Ask, row: int, column: int) -> Cell:
        covered = self.picture.copy()
        covered.paste(GREY, _box(covered.size, row, column))
        return Cell(row, column, self.base - ask(_photo(covered))["probabilities"][self.count])


def place(cell: Cell) -> str:
    """Return where a part is, such as `top left` or `middle`."""
    row = ROW_NAMES[cell.row * len(ROW_NAMES) // ROWS]
    column = COLUMN_NAMES[cell.column * len(COLUMN_NAMES) // COLUMNS]
    return row if row == column else f"{row} {column}"


def _box(size: tuple[int, int], row: int, column: int) -> tuple[int, int, int, int]:
    width, height = size
    return (
        column * width // COLUMNS,
        row * height // ROWS,
        (column + 1) * width // COLUMNS,
        (row + 1) * height // ROWS,
    )


def _photo(picture: Image.Image) -> Photo:
    return Photo(Path("photo"), encode(picture), "image/jpeg", picture.width, picture.height)
