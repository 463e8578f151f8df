"""What holds for every page of the console."""

import os
import re
from pathlib import Path

import pytest
from local_context import local_context
from starlette.testclient import TestClient

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.console import application
from sagemaker_emulator.console.access import link
from sagemaker_emulator.console.pages import ROOT


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return local_context(tmp_path / "state")


@pytest.fixture
def pages(context: Context) -> TestClient:
    """A browser that is signed in."""
    client = TestClient(
        application.application(context),
        base_url="http://127.0.0.1",
        raise_server_exceptions=False,
        follow_redirects=False,
    )
    address = link("", os.getpid(), context.credentials)
    assert client.get(address).status_code == 303
    return client


def test_a_fault_of_the_console_is_a_page_too(context: Context, pages: TestClient) -> None:
    context.store.close()
    response = pages.get("/console/pipelines")
    assert response.status_code == 500
    assert "A fault of the console: ProgrammingError" in response.text
    assert response.headers["content-security-policy"] == application.POLICY


def addresses() -> list[str]:
    """An address of each route that changes something."""
    routes = [route for page in application.PAGES for route in page.routes]
    changing = [route.path for route in routes if "POST" in (route.methods or ())]
    assert len(changing) > 10
    return [ROOT + re.sub(r"\{\w+(:\w+)?\}", "x", path) for path in changing]


@pytest.mark.parametrize("address", addresses())
def test_a_form_of_another_session_changes_nothing(pages: TestClient, address: str) -> None:
    assert pages.post(address, data={"form_token": "0" * 64}).status_code == 403


def test_a_form_that_is_too_large_is_refused(pages: TestClient) -> None:
    fields = {"form_token": "x" * application.MOST_BODY}
    response = pages.post("/console/events", data=fields)
    assert response.status_code == 413
    assert "26 MiB" in response.text


def test_an_address_of_a_form_says_that_it_is_no_page(pages: TestClient) -> None:
    response = pages.get("/console/executions/x/stop")
    assert response.status_code == 405
    assert "/console/executions/x/stop does not accept GET." in response.text


def test_a_form_that_is_cut_is_refused(pages: TestClient) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = pages.post("/console/events", content=b"--x\r\nhalf\r\n\r\n", headers=headers)
    assert response.status_code == 400
    assert "The request cannot be read. Load its page again." in response.text


def test_a_number_of_any_length_is_no_fault(context: Context, pages: TestClient) -> None:
    group = {"ModelPackageGroupName": "group"}
    context.call("CreateModelPackageGroup", **group)
    context.call("CreateModelPackage", **group)
    response = pages.get(f"/console/models/groups/group/1/charts/{'9' * 5000}.json")
    assert response.status_code == 404
    assert "The version has no chart" in response.text
