"""Counting in the background: what stops it, and that a restart loses nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from demo.bins import plan
from demo.scene import photograph
from desk import counting, shift
from desk.totals import PREFIX
from pipelines.errors import UserError
from tests.desk.service import BUCKET, Desk, Target, run_desk
from tests.desk.shifts import Upload, counted, doubtful, form_of, packed, soup, text_of

OpenDesk = Callable[..., Desk]
HEAD = "image,expected_quantity,sku,quantity"


def stopped(client: httpx.Client, response: httpx.Response) -> str:
    """Wait until the counting of a shift has stopped; return what the page shows."""
    deadline = time.monotonic() + 30
    while "has stopped" not in (page := client.get(f"{response.url.path}/progress").text):
        assert time.monotonic() < deadline, page
        time.sleep(0.02)
    return page


def test_what_stops_the_counting_is_shown_and_a_restart_continues(open_desk: OpenDesk) -> None:
    with open_desk(endpoint="tally-gone").sign_in() as client:
        response = doubtful().send(client)
        page = stopped(client, response)
        assert "There is no endpoint tally-gone yet." in page and "Continue" in page
        address = response.url.path
        client.post(f"{address}/count")
        stopped(client, response)
    with open_desk().sign_in() as client:
        assert counted(client, client.get(address)) == address


def test_a_shift_that_was_cut_off_by_a_power_failure_is_completed(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    with open_desk().sign_in() as client:
        address = counted(client, doubtful(looks=4, passes=4).send(client))
        before = text_of(soup(client.get(address)))
        (folder,) = (tmp_path / "desk" / "shifts").iterdir()
        answers = (folder / shift.ANSWERS).read_text()
        (folder / shift.ANSWERS).write_text(answers[: len(answers) // 2])
        (folder / shift.COUNTED).unlink()
    with open_desk().sign_in() as client:
        counted(client, client.get(address))
        assert text_of(soup(client.get(address))) == before
        assert len(shift.load(folder).answers()) == 8


def test_the_totals_of_a_shift_are_kept_in_s3_once(open_desk: OpenDesk, target: Target) -> None:
    with open_desk(desk_audit_share="1").sign_in() as client:
        upload = doubtful(looks=3, passes=2).add("pass9.jpg", 1, 1)
        upload.photos["unknown.jpg"] = upload.photos["pass9.jpg"][:-1] + b"\x00\xd9"
        identity = counted(client, upload.send(client, name="night")).rpartition("/")[2]
    key = f"{PREFIX}{identity}.json"
    body = target.line.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    totals = json.loads(body)
    assert (totals["name"], totals["share"], totals["without_verdict"]) == ("night", 1.0, 1)
    passed = [cell for cell in totals["cells"] if cell["verdict"] == "pass"]
    assert sum(cell["bins"] for cell in passed) == sum(c["to_look_at"] for c in passed) == 3
    assert sum(cell["bins"] for cell in totals["cells"]) == 6
    assert passed[0]["model_package"].endswith("model-package/tally/1")


def test_drawn_bins_are_counted_with_their_items(open_desk: OpenDesk) -> None:
    lines, photos = [HEAD], {}
    for drawing in plan(4, seed=2):
        items = drawing.scene.contents.items
        photos[f"{drawing.id}.jpg"] = photograph(drawing.scene)
        rows = [f"{drawing.id}.jpg,{len(items)},P{number},1" for number in range(len(items))]
        lines += rows or [f"{drawing.id}.jpg,0,,"]
    photos["records.csv"] = "\n".join(lines).encode()
    with open_desk().sign_in() as client:
        files = [("photos", ("drawn.zip", packed(photos)))]
        address = counted(client, client.post("/shifts", data={"who": "Ada"}, files=files))
        assert "Not judged 0" in text_of(soup(client.get(address)), ".verdicts")
        page = soup(client.get(f"{address}/queue"))
        assert "P0" in text_of(page, ".items")


def test_a_decision_that_s3_does_not_confirm_is_shown_again_and_kept_once(
    open_desk: OpenDesk, target: Target, tmp_path: Path
) -> None:
    """A second desk over the same folder reaches no S3, and then cannot open the target at all."""
    opened = []

    def open_target():  # type: ignore[no-untyped-def]
        opened.append(target.open(url="http://127.0.0.1:9"))
        if len(opened) > 1:
            raise UserError("AWS cannot be reached.")
        return opened[0]

    with open_desk().sign_in() as client:
        address = counted(client, Upload().add("1.jpg", 1, 2).send(client))
        typed = form_of(soup(client.get(f"{address}/queue")), "decide")
        del typed["token"]  # the other desk signs with its own visitor
        typed |= {"count": "4", "note": "kept", "decision": "record"}
        with (
            run_desk(open_target, tmp_path / "desk") as cut_off,
            cut_off.sign_in() as other,
        ):
            other.cookies.set("tally_desk_name", "Ada")
            for _ in range(2):
                response = other.post(f"{address}/decide", data=typed)
                assert response.status_code == 503
                assert "Nothing was saved" in text_of(soup(response), "#message")
                again = form_of(soup(response), "decide")
                kept = again["count"], again["note"], again["audit"]
                assert kept == ("4", "kept", typed["audit"])
        for _ in range(2):
            assert client.post(f"{address}/decide", data=typed).status_code == 200
        assert "1 of 1 bins" in text_of(soup(client.get(f"{address}/queue")))


def test_old_shifts_are_deleted_with_their_photos(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    names = {days: f"{now - timedelta(days=days):%Y%m%d-%H%M%S}-abcdef" for days in (0, 13, 15)}
    for name in (*names.values(), "unrelated"):
        (tmp_path / name / shift.PHOTOS).mkdir(parents=True)
    shift.remove_old(tmp_path, days=14)
    assert {path.name for path in tmp_path.iterdir()} == {names[0], names[13], "unrelated"}
    shift.remove_old(tmp_path, days=0)
    assert {path.name for path in tmp_path.iterdir()} == {names[0], "unrelated"}


def test_an_open_desk_deletes_old_shifts_by_itself(open_desk: OpenDesk, tmp_path: Path) -> None:
    old = tmp_path / "desk" / "shifts" / "20200101-000000-abcdef"
    with open_desk().sign_in() as client:
        counted(client, doubtful(looks=1, passes=0).send(client))
        (folder,) = old.parent.iterdir()
        folder.rename(old)
    open_desk()
    deadline = time.monotonic() + 30
    while old.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("content", ["", "{}", '{"bins": [{}], "without_photo": []}'])
def test_a_damaged_shift_leaves_the_others_as_they_are(
    open_desk: OpenDesk, tmp_path: Path, content: str
) -> None:
    damaged = tmp_path / "desk" / "shifts" / "20990101-000000-abcdef"
    damaged.mkdir(parents=True)
    (damaged / shift.SHIFT).write_text(content)
    with open_desk().sign_in() as client:
        counted(client, doubtful(looks=1, passes=0).send(client, name="Whole"))
        assert "Whole" in text_of(soup(client.get("/shifts")), "table")
        assert client.get(f"/shifts/{damaged.name}").status_code == 404


def test_an_upload_that_is_cut_off_leaves_nothing(open_desk: OpenDesk, tmp_path: Path) -> None:
    with open_desk().sign_in() as client:
        head = b'--x\r\nContent-Disposition: form-data; name="photos"; filename="1.jpg"\r\n\r\nabc'
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        response = client.post("/shifts", content=head, headers=kind)
        assert response.status_code == 400 and "The upload was cut off." in response.text
        assert client.post("/shifts", content=b"a=b").status_code == 415
    assert list((tmp_path / "desk" / "shifts").iterdir()) == []


def test_a_refusal_is_in_plain_words() -> None:
    message = (
        "/a/0001.jpg: the model answered 400: the image is damaged or truncated; send it again "
        "(Log: /aws/sagemaker/Endpoints/tally)"
    )
    assert counting.plain(message) == (
        "The model cannot read this photo: the image is damaged or truncated; send it again."
    )
