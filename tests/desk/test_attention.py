"""Where the model looked, over an endpoint that counts white squares."""

import json

import httpx
import pytest

from desk.attention import COLUMNS, ROWS, Attention, Cell, place
from tests.desk.service import bin_photo


def lines(client: httpx.Client, body: bytes, count: str) -> list[dict[str, float | str]]:
    files = {"photo": ("bin.jpg", body)}
    response = client.post("/bin/attention", data={"count": count}, files=files)
    return [json.loads(line) for line in response.text.splitlines()]


def test_the_parts_with_the_items_make_the_probability_fall(client: httpx.Client) -> None:
    *cells, _ = lines(client, bin_photo([0, 7, 20]), "3")
    assert len(cells) == ROWS * COLUMNS
    fallen = {(c["row"], c["column"]) for c in cells if c["fall"] > 0.5}  # type: ignore[operator]
    assert fallen == {(0, 0), (1, 1), (3, 2)}


def test_the_last_line_says_it_in_words(client: httpx.Client) -> None:
    (sentence,) = lines(client, bin_photo([35], scale=4), "1")[-1].values()
    assert str(sentence).replace("\xa0", " ") == (
        "The model looked most at the bottom right of the photo. When one part there is covered, "
        "the probability of 1 by the photo alone falls from 82 % to 3 %."
    )


def test_a_count_that_no_part_decides_is_said(client: httpx.Client) -> None:
    (sentence,) = lines(client, bin_photo(range(12)), "6+")[-1].values()
    assert str(sentence).startswith("No single part of the photo decides")
    assert "6 or more" in str(sentence)


@pytest.mark.parametrize(
    ("body", "count", "message"),
    [
        (bin_photo([0]), "77", "does not know the count '77'"),
        (b"no picture", "1", "The photo cannot be read"),
        (b"", "1", "The photo cannot be read"),
    ],
)
def test_what_cannot_be_shown_is_explained(
    client: httpx.Client, body: bytes, count: str, message: str
) -> None:
    (line,) = lines(client, body, count)
    assert message in str(line["sentence"])


@pytest.mark.parametrize(
    ("row", "column", "words"), [(0, 0, "top left"), (2, 3, "middle"), (5, 2, "bottom middle")]
)
def test_a_part_has_a_name(row: int, column: int, words: str) -> None:
    assert place(Cell(row, column, 0.5)) == words


def test_at_most_four_requests_are_under_way() -> None:
    import threading

    busy, most, lock = 0, 0, threading.Lock()
    four = threading.Barrier(4, timeout=10)

    def ask(photo: object) -> dict[str, dict[str, float]]:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        if threading.current_thread() is not threading.main_thread():
            four.wait()  # 36 requests are nine groups of four
        with lock:
            busy -= 1
        return {"probabilities": {"1": 0.5}}

    looked = Attention.of(bin_photo([0]), "1", ask)
    assert len(list(looked.cells(ask))) == ROWS * COLUMNS
    assert most == 4
