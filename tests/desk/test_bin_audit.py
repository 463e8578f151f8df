"""What a person found in a bin that was checked alone, in the log of audits in S3."""

import hashlib
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup

from desk.audit_log import AuditLog
from pipelines.steps import audits
from tests.desk.service import BUCKET, Desk, Target, bin_photo, run_desk

OpenDesk = Callable[..., Desk]
PHOTO = bin_photo([0, 7])


def form(page: str) -> dict[str, str]:
    """The fields of the form of a decision."""
    fields = BeautifulSoup(page, "html.parser").select(
        "#audit input[type=hidden]:not([name=token])"
    )
    return {str(field["name"]): str(field["value"]) for field in fields}


def check(client: httpx.Client, **fields: str) -> dict[str, str]:
    response = client.post("/bin", data=fields, files={"photo": ("bin.jpg", PHOTO)})
    return form(response.text)


@pytest.fixture
def written(target: Target) -> Callable[[str], list[audits.Audit]]:
    """Returns the entries of an id."""
    log = AuditLog(lambda: target.line.client("s3"), lambda: BUCKET)
    return lambda identity: [entry for entry in log.read() if entry.id == identity]


Written = Callable[[str], list[audits.Audit]]


def test_a_decision_is_written_with_what_the_endpoint_answered(
    client: httpx.Client, written: Written
) -> None:
    fields = check(client, quantity="3")
    decision = {"decision": "adjusted", "count": "2", "who": " Ada ", "note": "one fell out"}
    response = client.post("/bin/audit", data=fields | decision)
    assert "2 in place of 3. By Ada." in response.text
    (entry,) = written(fields["audit"])
    assert (entry.decision, entry.true_count, entry.expected_quantity) == ("adjusted", 2, 3)
    assert (entry.who, entry.note, entry.shift, entry.sampled) == (
        "Ada",
        "one fell out",
        None,
        False,
    )
    assert (entry.image, entry.image_sha256) == ("bin.jpg", hashlib.sha256(PHOTO).hexdigest())
    assert (entry.verdict, entry.model_count, entry.probability) == ("look", 2, 0.12)
    assert str(entry.model_package).endswith(":model-package/tally/1")


@pytest.mark.parametrize(("squares", "or_more"), [(6, True), (5, False)])
def test_an_answer_of_6_or_more_is_written_as_such(
    client: httpx.Client, written: Written, squares: int, or_more: bool
) -> None:
    files = {"photo": ("bin.jpg", bin_photo(range(squares)))}
    fields = form(client.post("/bin", data={"quantity": "3"}, files=files).text)
    sent = fields | {"decision": "adjusted", "count": "8", "who": "Ada"}
    client.post("/bin/audit", data=sent)
    (entry,) = written(fields["audit"])
    assert (entry.model_count, entry.model_or_more) == (squares, or_more)


def test_the_record_of_an_id_is_written_with_its_items(
    open_desk: OpenDesk, written: Written, tmp_path: Path
) -> None:
    (tmp_path / "A17.json").write_text('[{"sku": "x", "quantity": 2}]')
    with open_desk(desk_records=str(tmp_path)).sign_in() as client:
        fields = check(client, id="A17")
        client.post("/bin/audit", data=fields | {"decision": "record_right", "who": "Ada"})
    (entry,) = written(fields["audit"])
    assert (entry.record_id, entry.items) == ("A17", [{"sku": "x", "quantity": 2}])
    assert (entry.decision, entry.true_count) == ("record_right", 2)


def test_a_form_that_is_sent_twice_writes_one_entry(client: httpx.Client, written: Written) -> None:
    fields = check(client, quantity="3") | {"decision": "unusable", "who": "Ada"}
    for _ in range(2):
        assert "Recorded" in client.post("/bin/audit", data=fields).text
    assert len(written(fields["audit"])) == 1


def test_the_number_on_record_means_that_the_record_is_right(
    client: httpx.Client, written: Written
) -> None:
    fields = check(client, quantity="3") | {"decision": "adjusted", "count": "3", "who": "Ada"}
    client.post("/bin/audit", data=fields)
    assert written(fields["audit"])[0].decision == "record_right"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"who": "  "}, "Enter your name"),
        ({"decision": ""}, "Choose what you found."),
        ({"decision": "adjusted", "count": "two"}, "Enter how many items are in the bin"),
        ({"decision": "adjusted", "count": "0" * 5000}, "Enter how many items are in the bin"),
        ({"audit": "x"}, "the entry&#39;s id is &#39;x&#39;"),
    ],
)
def test_a_decision_that_cannot_be_kept_is_explained_and_nothing_typed_is_lost(
    client: httpx.Client, written: Written, changes: dict[str, str], message: str
) -> None:
    fields = check(client, quantity="3")
    sent = fields | {"decision": "record_right", "who": "Ada", "note": "wet"} | changes
    response = client.post("/bin/audit", data=sent)
    assert response.status_code == 422
    assert message in response.text and 'value="wet"' in response.text
    assert written(fields["audit"]) == []


def test_an_answer_that_was_changed_in_the_page_is_refused(client: httpx.Client) -> None:
    fields = check(client, quantity="3")
    fields["facts"] = fields["facts"].replace('"look"', '"pass"')
    response = client.post("/bin/audit", data=fields | {"decision": "unusable", "who": "Ada"})
    assert response.status_code == 400


def test_without_a_record_there_is_nothing_to_decide(client: httpx.Client) -> None:
    assert check(client) == {}


def test_the_browser_keeps_the_name(client: httpx.Client) -> None:
    fields = check(client, quantity="3") | {"decision": "unusable", "who": "Ada"}
    client.post("/bin/audit", data=fields)
    response = client.post("/bin", data={"quantity": "3"}, files={"photo": ("a.jpg", PHOTO)})
    field = BeautifulSoup(response.text, "html.parser").select_one("#who")
    assert field and field["value"] == "Ada"


def test_a_decision_that_s3_does_not_keep_is_still_in_the_form(
    target: Target, tmp_path: Path, client: httpx.Client, written: Written
) -> None:
    fields = check(client, quantity="3") | {"decision": "unusable", "who": "Ada", "note": "wet"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        nowhere = f"http://127.0.0.1:{server.getsockname()[1]}"
    addresses = ["", nowhere]
    with (
        run_desk(lambda: target.open(addresses.pop()), tmp_path) as desk,
        desk.sign_in() as browser,
    ):
        failed = browser.post("/bin/audit", data=fields, headers={"HX-Request": "true"})
        assert failed.status_code == 200
        assert "Nothing was saved. Send it again" in failed.text and 'value="wet"' in failed.text
        assert "Recorded" in browser.post("/bin/audit", data=fields).text
    assert len(written(fields["audit"])) == 1
