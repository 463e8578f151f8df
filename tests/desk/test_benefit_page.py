"""The page of what the shifts bring, over decisions that were made at the desk."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.desk.service import Desk, Target
from tests.desk.shifts import Upload, counted, decide, queue_of, soup, text_of

OpenDesk = Callable[..., Desk]


@pytest.fixture
def client(open_desk: OpenDesk, target: Target) -> Iterator[httpx.Client]:
    """A browser at a desk with a bucket of its own, where every bin that passes is looked at."""
    bucket = f"tally-{uuid.uuid4().hex[:12]}"
    target.line.client("s3").create_bucket(Bucket=bucket)
    with open_desk(desk_audit_share="1", bucket=bucket).sign_in() as signed_in:
        yield signed_in


def test_nothing_is_known_before_the_first_shift(client: httpx.Client) -> None:
    text = text_of(soup(client.get("/benefit")))
    assert "No shift is counted yet." in text and "Looked at 0" in text


def test_the_share_of_wrong_records_is_shown_when_the_queue_is_empty(client: httpx.Client) -> None:
    """One of two doubted records is wrong, and one of four that passed."""
    bins = Upload().add("a.jpg", 1, 2).add("b.jpg", 2, 3)
    for number in range(4):
        bins.add(f"p{number}.jpg", 3, 3)
    address = counted(client, bins.send(client, name="Night"))
    numbers = queue_of(client, address)
    wrong = {"1": "1", "3": "4"}  # a.jpg, and the first that passed
    for place, one in enumerate(numbers):
        text = text_of(soup(client.get("/benefit")))
        assert "This is shown when every bin in the queue of a shift is decided." in text
        assert "Night" in text and f"Looked at {place}" in text
        decide(client, address, one, **({"count": wrong[one]} if one in wrong else {}))
    text = text_of(soup(client.get("/benefit")))
    assert "Looked at 6 Wrong records found 2 Wrong records that passed about 1" in text
    assert "of 4 looked at by chance, 1 was wrong" in text
    assert "33.3 %" in text and "Exact 66.7 %" in text and "Within one 100.0 %" in text
    lines = list(csv.DictReader(io.StringIO(client.get("/benefit.csv").text.lstrip("\ufeff"))))
    assert (lines[0]["by"], lines[0]["kind"], lines[0]["bins"]) == ("all", "all", "6")
    assert {line["by"] for line in lines} == {
        "all", "week", "model version", "quantity on record", "different items on record",
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(client.get("/audits.csv").text.lstrip("\ufeff"))))
    assert len(rows) == 6 and sum(row["decision"] == "adjusted" for row in rows) == 2


def test_another_desk_counts_on_while_one_counts(open_desk: OpenDesk) -> None:
    """Two desks over one folder: each bin is answered once, whoever asks."""
    bins = Upload()
    for number in range(30):
        bins.add(f"{number}.jpg", 1 + number % 3, 2)
    with open_desk().sign_in() as client, open_desk().sign_in() as other:
        response = bins.send(client)
        other.get(response.url.path)
        counted(client, response)
        assert "Not judged 0" in text_of(soup(other.get(response.url.path)), ".verdicts")
