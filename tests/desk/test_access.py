"""Who gets into the desk, over HTTP."""

import stat
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.routing import Mount

from desk import access, application
from desk.access import Access, read_secret
from tests.desk.service import Desk

OpenDesk = Callable[..., Desk]


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk()


def test_without_a_cookie_the_page_says_how_to_sign_in(desk: Desk) -> None:
    response = httpx.get(desk.base, trust_env=False)
    assert response.status_code == 401
    assert "Open the link that the terminal shows" in response.text


def test_a_link_signs_in_one_browser_and_leaves_the_address(desk: Desk) -> None:
    link = desk.link()
    first = httpx.get(link, trust_env=False)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert httpx.get(link, trust_env=False).status_code == 401


def test_a_link_of_a_page_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = access.Keys()
    key, now = keys.issue(seconds=60), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert not keys.use(key)


def test_a_page_that_is_open_while_the_desk_restarts_still_works(tmp_path: Path) -> None:
    before, after = (Access(read_secret(tmp_path / "s"), "127.0.0.1", 5590) for _ in range(2))
    cookies = {before.cookie: before.new_cookie()}
    visitor = before.visitor(cookies)
    assert visitor and after.visitor(cookies) == visitor
    assert after.accepts_token(visitor, before.form_token(visitor))


def test_the_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    read_secret(tmp_path / "desk" / "secret")
    assert stat.S_IMODE((tmp_path / "desk" / "secret").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "abc"])
def test_a_secret_that_was_cut_off_is_made_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret").write_text(text)
    assert len(read_secret(tmp_path / "secret")) == 32


@pytest.mark.parametrize("cookie", ["", "a.b.c", "é.1.x", "aa.1700000000." + "0" * 64])
def test_a_false_cookie_signs_nobody_in(cookie: str) -> None:
    checks = Access(bytes(32), "127.0.0.1", 5590)
    assert checks.visitor({checks.cookie: cookie}) is None


def test_a_cookie_is_renewed_when_it_is_used(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk.sign_in() as client:
        assert "set-cookie" not in client.get("/devices").headers
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 2 * 86400)
        assert desk.access.cookie in client.get("/devices").headers["set-cookie"]


def test_a_cookie_that_was_not_used_for_long_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = Access(bytes(32), "127.0.0.1", 5590)
    cookies, now = {checks.cookie: checks.new_cookie()}, time.time()
    monkeypatch.setattr(time, "time", lambda: now + access.COOKIE_SECONDS + 1)
    assert checks.visitor(cookies) is None


def posts() -> list[str]:
    """The address of each form."""
    routes = [route for route in application.routes() if not isinstance(route, Mount)]
    return [r.path for r in routes if "POST" in r.methods]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", posts())
def test_no_form_is_accepted_without_its_token(client: httpx.Client, path: str) -> None:
    del client.headers["X-Form-Token"]
    address = path.replace("{id}", "20260101-000000-000000")
    response = client.post(address, data={"name": "x"}, files={"photo": b""})
    assert response.status_code == 403
    assert "Load the page again" in response.text


def test_a_form_of_another_sign_in_is_refused(client: httpx.Client, desk: Desk) -> None:
    client.headers["X-Form-Token"] = "0" * 64
    assert client.post("/devices", data={"name": "x"}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", None])
def test_a_form_of_another_page_is_refused(client: httpx.Client, origin: str | None) -> None:
    del client.headers["Origin"]
    response = client.post("/devices", headers={"Origin": origin} if origin else {})
    assert response.status_code == 403
    assert "another web page" in response.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:5590", "[::1", ""])
def test_a_name_that_points_at_this_machine_is_refused(desk: Desk, host: str) -> None:
    response = httpx.get(desk.link(), headers={"Host": host}, trust_env=False)
    assert response.status_code in (400, 421)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("listens", "host", "accepted"),
    [
        ("127.0.0.1", "localhost:5590", True),
        ("127.0.0.1", "192.168.1.7:5590", False),
        ("0.0.0.0", "192.168.1.7:5590", True),
        ("0.0.0.0", "warehouse.local:5590", True),
        ("0.0.0.0", "evil.example:5590", False),
    ],
)
def test_only_addresses_and_this_machines_names_are_accepted(
    listens: str, host: str, accepted: bool
) -> None:
    checks = Access(bytes(32), listens, 5590, ("warehouse", "warehouse.local"))
    assert checks.accepts_host(host) is accepted


def test_pages_run_no_script_of_their_own_and_load_nothing_from_elsewhere(
    client: httpx.Client,
) -> None:
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert " style=" not in page.text and "<script>" not in page.text


def test_a_form_that_is_too_long_is_refused(client: httpx.Client) -> None:
    response = client.post("/bin", files={"photo": ("a.jpg", bytes(65 * 2**20))})
    assert response.status_code == 413
    assert "at most 64 MB" in response.text


def test_a_form_of_unknown_length_is_cut_off_at_the_limit(client: httpx.Client) -> None:
    body = (bytes(2**20) for _ in range(66))
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        response = client.post("/bin", content=body, headers=headers)
    except httpx.WriteError:  # the desk has closed the connection
        return
    assert response.status_code in (400, 413)
