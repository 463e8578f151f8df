"""The inference image's `serve`, as SageMaker runs it: a process that answers over HTTP."""

import base64
import http.client
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from tests.steps import damaged
from tests.steps.containers.tally_inference.server_process import (
    JPEG,
    Endpoint,
    encoded,
)
from tests.steps.tiny_model import draw_bin

HEADER = "X-Amzn-SageMaker-Custom-Attributes"

MAX_BYTES = 25 * 1024 * 1024


def test_a_jpeg_is_answered(endpoint: Endpoint, picture: bytes) -> None:
    status, answer = endpoint.invoke(picture)
    assert status == 200
    assert answer["count"] == 3
    assert answer["probabilities"] == pytest.approx({"1": 0.2, "3": 0.7, "5": 0.1}, abs=2e-3)
    assert "verdict" not in answer


def test_the_answer_is_json_of_a_known_length(endpoint: Endpoint, picture: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)
    connection.request("POST", "/invocations", picture, JPEG)
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "application/json"
    assert int(response.headers["Content-Length"]) == len(response.read())
    connection.request("GET", "/ping")  # the connection is kept
    assert connection.getresponse().status == 200
    connection.close()


def test_a_png_is_answered(endpoint: Endpoint) -> None:
    with Image.open(io.BytesIO(encoded(draw_bin(3, 0)))) as image:
        body = encoded(image, "PNG")
    status, answer = endpoint.invoke(body, Content_Type="image/png")
    assert status == 200
    assert answer["confidence"] == pytest.approx(0.7, abs=0.05)  # the same pixels, without loss


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": "application/octet-stream"}, {"Content-Type": "image/jpg"}]
)
def test_an_image_is_answered_without_a_content_type_of_its_own(
    endpoint: Endpoint, picture: bytes, headers: dict[str, str]
) -> None:
    status, answer = endpoint.ask("POST", "/invocations", picture, headers)
    assert (status, json.loads(answer)["count"]) == (200, 3)
    status, answer = endpoint.ask("POST", "/invocations", b"three boxes", headers)
    assert status == (400 if "image/jpg" in headers.values() else 415)


def test_a_damaged_photo_is_refused_and_not_counted(endpoint: Endpoint) -> None:
    body = damaged.LOSSES["1,000 bytes lost"](damaged.jpeg("4:2:0"))
    status, answer = endpoint.invoke(body)
    assert status == 400
    assert "the image is damaged or truncated (Corrupt JPEG data" in answer["error"]
    assert endpoint.invoke(damaged.jpeg("4:2:0"))[0] == 200


@pytest.mark.parametrize(
    ("attributes", "verdict"),
    [
        pytest.param("expected_quantity=3", ("pass", 0.784), id="right"),
        pytest.param("expected_quantity=1", ("look", 0.228), id="wrong"),
        pytest.param("expected_quantity=2", ("cannot_judge", None), id="not a class"),
    ],
)
def test_an_expected_quantity_is_judged(
    endpoint: Endpoint, picture: bytes, attributes: str, verdict: tuple[str, float | None]
) -> None:
    for name in (HEADER, HEADER.lower(), HEADER.upper()):
        status, answer = endpoint.invoke(picture, **{name: attributes})
        assert status == 200
        assert answer["verdict"] == verdict[0]
        assert answer["match_probability"] == pytest.approx(verdict[1], abs=5e-3)


RECORD = [{"sku": "A1", "quantity": 2, "length": 8.5}, {"sku": "A2", "quantity": 1}]


def test_a_record_is_judged_in_every_form(endpoint: Endpoint, picture: bytes) -> None:
    """A form as `requests` and curl write it, JSON, and the image with a quantity alone."""
    head = '--b\r\nContent-Disposition: form-data; name="{}"; filename="a"\r\n\r\n'
    written = json.dumps(RECORD).encode()
    form = head.format("image").encode() + picture + b"\r\n" + head.format("record").encode()
    document = {"image": base64.b64encode(picture).decode(), "record": RECORD}
    asked = [
        (form + written + b"\r\n--b--\r\n", {"Content_Type": "multipart/form-data; boundary=b"}),
        (json.dumps(document).encode(), {"Content_Type": "application/json"}),
        (picture, {HEADER: "expected_quantity=3"}),
    ]
    answers = []
    for body, headers in asked:
        status, answer = endpoint.invoke(body, **headers)
        assert (status, answer["count"], answer["expected_quantity"]) == (200, 3, 3)
        answers.append(answer)
    assert answers[0] == answers[1]


def test_a_client_that_does_not_accept_json_is_refused(endpoint: Endpoint, picture: bytes) -> None:
    status, answer = endpoint.invoke(picture, Accept="text/csv")
    assert status == 406
    assert "accept application/json" in answer["error"]


def test_a_body_in_chunks_is_read(endpoint: Endpoint, picture: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)
    parts = (picture[start : start + 100] for start in range(0, len(picture), 100))
    connection.request("POST", "/invocations", parts, JPEG, encode_chunked=True)
    assert json.loads(connection.getresponse().read())["count"] == 3
    connection.close()


def test_parallel_requests_get_their_own_answers(endpoint: Endpoint, picture: bytes) -> None:
    """Each asks about another quantity."""
    quantities = [1, 3, 5, 2, 4, 6, 7, 8] * 3

    def ask(quantity: int) -> tuple[int, dict[str, Any]]:
        return endpoint.invoke(picture, **{HEADER: f"expected_quantity={quantity}"})

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, quantities))
    assert [status for status, _ in found] == [200] * 24
    assert [answer["expected_quantity"] for _, answer in found] == quantities
    assert {answer["confidence"] for _, answer in found} == {found[0][1]["confidence"]}


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        pytest.param(b"", {}, 400, "the body is empty", id="empty"),
        pytest.param(b"hello", {}, 400, "not a readable image", id="text"),
        pytest.param(
            encoded(Image.effect_noise((300, 200), 90))[:9000], {}, 400, "truncated", id="truncated"
        ),
        pytest.param(
            encoded(Image.new("1", (8000, 5000)), "PNG"), {}, 413, "40.0 megapixels", id="40 MP"
        ),
        pytest.param(
            b"1,2,3", {"Content_Type": "text/csv"}, 415, "'text/csv' is not supported", id="csv"
        ),
        pytest.param(b"x", {"Content_Type": ""}, 415, "send image/jpeg or image/png", id="no type"),
        pytest.param(
            encoded(draw_bin(3, 0)), {HEADER: "expected_quantity=three"}, 400,
            "expected_quantity is 'three'; give a whole number", id="not a number",
        ),
        pytest.param(
            b"--b\r\n", {"Content_Type": "multipart/form-data; boundary=b"}, 400,
            "its last boundary is missing", id="form cut off",
        ),
        pytest.param(
            b'{"image": "aGVsbG8=", "record": [{"quantity": 1, "hight": 2}]}',
            {"Content_Type": "application/json"}, 400,
            "item 1 of the record has the key 'hight'; did you mean height?", id="record",
        ),
        pytest.param(
            b'{"image": "aGVsbG8="}', {"Content_Type": "application/json"}, 400,
            "not a readable image", id="text in JSON",
        ),
    ],
)  # fmt: skip
def test_a_bad_request_is_refused_with_the_reason(
    endpoint: Endpoint, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    found, answer = endpoint.invoke(body, **headers)
    assert found == status
    assert message in answer["error"]
    assert "Traceback" not in endpoint.log.read_text()


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in chunks"])
def test_a_body_that_is_too_large_is_refused(endpoint: Endpoint, chunked: bool) -> None:
    """The client gets the answer although it is still sending."""
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=30)
    body = bytes(MAX_BYTES + 1_000_000)
    parts = (body[start : start + 65536] for start in range(0, len(body), 65536))
    connection.request("POST", "/invocations", parts if chunked else body, JPEG,
                       encode_chunked=chunked)  # fmt: skip
    response = connection.getresponse()
    assert response.status == 413
    assert "larger than 26,214,400 bytes" in json.loads(response.read())["error"]
    connection.close()
    assert endpoint.ping() == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/invocations", 405), ("POST", "/models", 404)],
)
def test_other_paths_and_methods_are_refused(
    endpoint: Endpoint, method: str, path: str, status: int
) -> None:
    found, answer = endpoint.ask(method, path)
    assert found == status
    assert "use GET /ping or POST /invocations" in json.loads(answer)["error"]
