"""Who may see the console, and what its pages may load."""

import time

import httpx
import pytest
from console_client import ConsoleClient
from emulator_process import Emulator

from sagemaker_emulator.console.access import Access, link
from sagemaker_emulator.credentials import Credentials

KEYS, OTHER_KEYS = Credentials("AKIAA", "secret"), Credentials("AKIAA", "another")


@pytest.fixture
def stranger(emulator: Emulator) -> httpx.Client:
    return httpx.Client(base_url=emulator.about["url"], trust_env=False)


def token_of(address: str) -> str:
    return address.partition("key=")[2]


@pytest.mark.parametrize("path", ["/", "/console", "/console/pipelines", "/console/nothing"])
def test_a_page_needs_a_session(stranger: httpx.Client, path: str) -> None:
    response = stranger.get(path)
    assert response.status_code == 403
    assert "sagemaker-emulator console" in response.text


def test_a_link_opens_the_console_once(emulator: Emulator, stranger: httpx.Client) -> None:
    address = emulator.run("console").stdout.strip()
    first = stranger.get(address)
    assert (first.status_code, first.headers["location"]) == (303, "/console/pipelines")
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert stranger.get("/console/pipelines").status_code == 200
    another = httpx.Client(base_url=emulator.about["url"], trust_env=False)
    assert another.get(address).status_code == 403


def test_up_prints_a_link(emulator: Emulator) -> None:
    printed = emulator.up().stdout
    (line,) = [line for line in printed.splitlines() if "/console/open?key=" in line]
    assert httpx.get(line.split()[-1], trust_env=False).status_code == 303


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        token_of(link("http://127.0.0.1:1", 2, KEYS)),  # of another process
        token_of(link("http://127.0.0.1:1", 1, OTHER_KEYS)),
        Access(KEYS, 1, 1).new_session(),
        token_of(link("http://127.0.0.1:1", 1, KEYS))[:-1],
    ],
    # The tokens are random, and each worker must name its tests alike.
    ids=["empty", "no-parts", "made-up", "other-process", "other-key", "session", "cut"],
)
def test_a_link_of_another_kind_opens_nothing(token: str) -> None:
    assert Access(KEYS, 1, 1).redeem(token) is None


def test_a_link_ends_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_of(link("http://127.0.0.1:1", 1, KEYS))
    access = Access(KEYS, 1, 1)

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    assert access.redeem(token) is None


def test_a_session_outlives_the_server_and_ends_with_the_keys() -> None:
    session = Access(KEYS, 1, 1).new_session()
    assert Access(KEYS, 2, 1).session(session) is not None
    assert Access(OTHER_KEYS, 2, 1).session(session) is None


def test_a_form_token_belongs_to_one_session() -> None:
    access = Access(KEYS, 1, 1)
    token = access.form_token("one")
    assert access.is_form_token("one", token)
    assert not access.is_form_token("two", token)


def test_pages_load_nothing_inline_or_from_elsewhere(console: ConsoleClient) -> None:
    response = console.http.get("/console/pipelines")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    page = console.get("/console/pipelines")
    assert not page.select("[style], style, script:not([src])")
    assert all(str(tag["src"]).startswith("/console/") for tag in page.select("script"))


@pytest.mark.parametrize("header", [{"host": "evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_page_of_another_site_gets_nothing(
    console: ConsoleClient, header: dict[str, str]
) -> None:
    assert console.http.get("/console/pipelines", headers=header).status_code in (403, 421)


def test_an_address_that_does_not_exist_says_so(console: ConsoleClient) -> None:
    assert "Nothing is at /console/nothing" in console.get("/console/nothing", 404).text
