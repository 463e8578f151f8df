"""A shift over HTTP: uploaded, counted, and looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from desk.audit_log import PREFIX
from tests.desk.service import BUCKET, Desk, Target, bin_photo
from tests.desk.shifts import (
    Upload,
    counted,
    decide,
    doubtful,
    form_of,
    packed,
    photo_of,
    queue_of,
    soup,
    table,
    text_of,
)

OpenDesk = Callable[..., Desk]


@pytest.fixture
def client(open_desk: OpenDesk) -> Iterator[httpx.Client]:
    """A browser at a desk where no bin that passes is looked at."""
    with open_desk(desk_audit_share="0").sign_in() as signed_in:
        yield signed_in


def audits(target: Target, address: str) -> list[dict[str, object]]:
    """What the log in S3 has of a shift."""
    s3 = target.line.client("s3")
    found = []
    for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX).get("Contents", []):
        if not str(entry["Key"]).endswith(".json"):  # what `setup` puts there
            continue
        one = json.loads(s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read())
        if one.get("shift") == address.rpartition("/")[2]:
            found.append(one)
    return sorted(found, key=lambda one: str(one["when"]))


def test_a_shift_is_counted_and_what_is_doubtful_is_to_look_at(client: httpx.Client) -> None:
    address = counted(client, doubtful(looks=3, passes=2).send(client, name="Aisle 7"))
    page = soup(client.get(address))
    text = text_of(page)
    assert "Aisle 7" in text and "Uploaded by Ada, 5 photos" in text
    assert "3 of 3 bins" in text
    assert text_of(page, ".verdicts") == "PASS 2 LOOK 3 CANNOT JUDGE 0 Not judged 0"


def test_photos_without_a_verdict_are_listed_with_the_reason(client: httpx.Client) -> None:
    upload = doubtful(looks=1, passes=0)
    upload.photos |= {
        "no-record.jpg": photo_of(2, 50),
        "cut.jpg": photo_of(3, 51)[:700],
        "text.png": b"hello",
        "twin.jpg": upload.photos["look0.jpg"],
        "empty.jpg": b"",
        "._look0.jpg": bytes(200),
        "full.jpg": bin_photo(range(36)),
        "nine.jpg": photo_of(3, 52),
    }
    names = ["cut.jpg", "text.png", "twin.jpg", "empty.jpg", "gone.jpg"]
    upload.records |= dict.fromkeys(names, 2) | {"full.jpg": 36, "nine.jpg": 9}
    page = soup(client.get(counted(client, upload.send(client))))
    rows = [[cell.get_text() for cell in row.select("td")] for row in page.select("table tr")]
    reasons = dict(row for row in rows if row)
    assert set(reasons) == {"no-record.jpg", "cut.jpg", "text.png", "twin.jpg", "empty.jpg"}
    assert reasons["no-record.jpg"] == "The CSV file has no record of this photo."
    assert reasons["cut.jpg"] == "It is cut off. Copy it again."
    assert reasons["text.png"].startswith("The photo cannot be read: it is damaged, or of a kind")
    assert reasons["twin.jpg"] == "It is the same photo as look0.jpg, which is looked at once."
    assert reasons["empty.jpg"] == "The file is empty. Copy it again."
    assert "gone.jpg" in text_of(page) and "CANNOT JUDGE 2" in text_of(page, ".verdicts")


def test_a_folder_is_uploaded_as_the_browser_sends_it(client: httpx.Client) -> None:
    """Each file has its path below the chosen folder; the table names the rest of it."""
    files = [
        ("photos", ("week 3/a/1.jpg", photo_of(2, 1))),
        ("photos", ("week 3/b/2.jpg", photo_of(3, 2))),
        ("photos", ("week 3/b/._2.jpg", bytes(100))),
        ("photos", ("week 3/records.csv", table({"a/1.jpg": 2, "b\\2.jpg": 4}))),
        ("records", ("", b"")),
    ]
    response = client.post("/shifts", data={"who": "Ada"}, files=files)
    page = soup(client.get(counted(client, response)))
    assert text_of(page, ".verdicts") == "PASS 1 LOOK 1 CANNOT JUDGE 0 Not judged 0"


@pytest.mark.parametrize(
    ("photos", "records", "message"),
    [
        ({}, b"", "There is no photo in it."),
        ({"1.jpg": photo_of(1)}, b"", "There is no CSV file of records."),
        ({"1.jpg": photo_of(1)}, b"image,expected_quantity\n1.jpg,many\n", "records.csv, line 2: "),
        ({"1.jpg": photo_of(1)}, b"a,b\n", "The first line of records.csv must name"),
        ({"1.jpg": photo_of(1)}, table({"2.jpg": 1}), "The CSV file names none of the photos."),
        ({"1.jpg": photo_of(1), "b.csv": table({"1.jpg": 1})}, table({"1.jpg": 1}), "Keep one."),
    ],
    ids=["no-photo", "no-table", "bad-quantity", "no-columns", "other-names", "two-tables"],
)
def test_an_upload_that_cannot_be_used_leaves_nothing(
    client: httpx.Client,
    tmp_path: Path,
    photos: dict[str, bytes],
    records: bytes,
    message: str,
) -> None:
    files = [("photos", ("a.zip", packed(photos)))]
    if records:
        files.append(("records", ("records.csv", records)))
    response = client.post("/shifts", data={"who": "Ada", "name": "kept"}, files=files)
    page = soup(response)
    assert response.status_code == 422
    assert message in text_of(page, "#problem")
    assert page.select_one("#name")["value"] == "kept"  # type: ignore[index]
    assert list((tmp_path / "desk" / "shifts").iterdir()) == []


def test_only_the_owner_may_read_the_photos(client: httpx.Client, tmp_path: Path) -> None:
    counted(client, doubtful(looks=1, passes=0).send(client))
    (folder,) = (tmp_path / "desk" / "shifts").iterdir()
    for path in (folder.parent, folder, folder / "photos"):
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_decision_is_in_the_log_with_all_that_belongs_to_it(
    client: httpx.Client, target: Target
) -> None:
    upload = Upload().add("aisle 7/1.jpg", count=4, recorded=3)
    address = counted(client, upload.send(client))
    response = decide(client, address, "1", count="5", note="behind a box")
    assert "All decided" in text_of(soup(response))
    (entry,) = audits(target, address)
    assert entry["decision"] == "adjusted"
    assert (entry["true_count"], entry["expected_quantity"], entry["model_count"]) == (5, 3, 4)
    assert (entry["who"], entry["note"], entry["image"]) == ("Ada", "behind a box", "1.jpg")
    assert (entry["verdict"], entry["probability"], entry["sampled"]) == ("look", 0.12, False)
    assert str(entry["model_package"]).endswith("model-package/tally/1")


def test_an_answer_of_6_or_more_is_in_the_log_as_such(client: httpx.Client, target: Target) -> None:
    address = counted(client, Upload().add("1.jpg", count=7, recorded=3).send(client))
    decide(client, address, "1", count="7")
    (entry,) = audits(target, address)
    assert (entry["model_count"], entry["model_or_more"]) == (6, True)


@pytest.mark.parametrize(
    ("typed", "decision", "kept"),
    [
        ({}, "record", ("record_right", 2)),
        ({"count": "2"}, "record", ("record_right", 2)),
        ({"count": "0"}, "record", ("adjusted", 0)),
        ({"count": "7"}, "unusable", ("unusable", None)),
    ],
)
def test_what_is_typed_decides(
    client: httpx.Client,
    target: Target,
    typed: dict[str, str],
    decision: str,
    kept: tuple[str, int | None],
) -> None:
    address = counted(client, Upload().add("1.jpg", 1, 2).send(client))
    decide(client, address, "1", decision, **typed)
    (entry,) = audits(target, address)
    assert (entry["decision"], entry["true_count"]) == kept


def test_after_a_decision_comes_the_next_bin_that_is_not_decided(client: httpx.Client) -> None:
    address = counted(client, doubtful(looks=4, passes=0).send(client))
    first, second, third, last = queue_of(client, address)
    assert str(decide(client, address, second).url).endswith(f"photo={third}")
    assert str(decide(client, address, last).url).endswith(f"photo={first}")
    assert str(decide(client, address, first).url).endswith(f"photo={third}")
    assert "All decided" in text_of(soup(decide(client, address, third)))


def test_a_form_sent_twice_is_one_decision(client: httpx.Client, target: Target) -> None:
    address = counted(client, doubtful(looks=2, passes=0).send(client))
    fields = form_of(soup(client.get(f"{address}/queue?photo=1")), "decide")
    for _ in range(2):
        response = client.post(f"{address}/decide", data=fields | {"decision": "record"})
        assert response.status_code == 200
    assert len(audits(target, address)) == 1


def test_a_decision_of_somebody_else_is_not_overwritten(
    client: httpx.Client, target: Target
) -> None:
    address = counted(client, doubtful(looks=2, passes=0).send(client))
    late = form_of(soup(client.get(f"{address}/queue?photo=1")), "decide")
    decide(client, address, "1", count="4")
    response = client.post(f"{address}/decide", data=late | {"decision": "unusable"})
    assert response.status_code == 422
    assert "Ada decided this bin meanwhile" in text_of(soup(response), "#message")
    assert len(audits(target, address)) == 1


def test_an_undo_brings_the_bin_back(client: httpx.Client, target: Target) -> None:
    address = counted(client, doubtful(looks=2, passes=0).send(client))
    after = soup(decide(client, address, "1", count="4"))
    assert text_of(after, "#undo") == "Undo look0.jpg Z"
    response = client.post(f"{address}/undo", data=form_of(after, "take-back"))
    page = soup(response)
    assert "Undone: look0.jpg, 4 in place of 2." in text_of(page)
    assert page.select_one("#decide input[name=photo]")["value"] == "1"  # type: ignore[index]
    first, undo = audits(target, address)
    assert (undo["decision"], undo["undoes"]) == ("undo", first["id"])
    again = client.post(f"{address}/undo", data=form_of(after, "take-back"))
    assert "It was undone before." in text_of(soup(again))
    assert len(audits(target, address)) == 2


def test_a_count_that_is_no_number_is_shown_again(client: httpx.Client, target: Target) -> None:
    address = counted(client, doubtful(looks=1, passes=0).send(client))
    response = decide(client, address, "1", count="four", note="kept")
    page = soup(response)
    assert response.status_code == 422
    assert "Type a whole number" in text_of(page, "#message")
    assert form_of(page, "decide")["count"] == "four" and form_of(page, "decide")["note"] == "kept"
    assert audits(target, address) == []


def test_nobody_decides_without_a_name(client: httpx.Client, target: Target) -> None:
    address = counted(client, doubtful(looks=1, passes=0).send(client))
    fields = form_of(soup(client.get(f"{address}/queue")), "decide")
    client.cookies.delete("tally_desk_name")
    response = client.post(f"{address}/decide", data=fields | {"decision": "record"})
    assert response.status_code == 422
    page = soup(client.get(f"{address}/queue"))
    assert page.select_one("#decide") is None
    response = client.post(f"{address}/name", data={"who": " Grace  Hopper "})
    assert "You are Grace Hopper" in text_of(soup(response))
    assert audits(target, address) == []


def test_a_sampled_bin_looks_like_any_other_until_it_is_decided(
    open_desk: OpenDesk, target: Target
) -> None:
    with open_desk(desk_audit_share="1").sign_in() as client:
        address = counted(client, doubtful(looks=1, passes=1).send(client))
        look, passed = (soup(client.get(f"{address}/queue?photo={number}")) for number in (1, 2))
        for page in (look, passed):
            assert not page.select(".model")
            for word in ("PASS", "LOOK", "random", "model"):
                assert word not in text_of(page, ".queue")
        decide(client, address, "2")
        (entry,) = audits(target, address)
        assert (entry["verdict"], entry["sampled"]) == ("pass", True)
        assert "PASS" in text_of(soup(client.get(f"{address}/queue?photo=2")), ".model")


def test_a_photo_and_its_thumbnail_are_shown(client: httpx.Client) -> None:
    upload = Upload().add("1.jpg", 1, 2)
    address = counted(client, upload.send(client))
    shown = client.get(f"{address}/photos/1")
    assert (shown.content, shown.headers["content-type"]) == (upload.photos["1.jpg"], "image/jpeg")
    assert client.get(f"{address}/thumbnails/1").content.startswith(b"\xff\xd8\xff")
    assert client.get(f"{address}/photos/2").status_code == 404
    assert client.get("/shifts/20260101-000000-abcdef").status_code == 404
    assert client.get("/shifts/..%2f..%2fsecret").status_code == 404


def test_a_form_without_its_token_uploads_nothing(client: httpx.Client, tmp_path: Path) -> None:
    del client.headers["X-Form-Token"]
    assert doubtful(1, 0).send(client).status_code == 403
    assert list((tmp_path / "desk" / "shifts").iterdir()) == []
