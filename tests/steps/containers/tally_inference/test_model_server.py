"""The inference image's `serve`, as SageMaker runs it: a process that answers over HTTP."""

import asyncio
import base64
import contextlib
import http.client
import importlib
import io
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.requests import Request

from tests.steps import damaged
from tests.steps.containers.tally_inference.server_process import (
    BIN,
    JPEG,
    Endpoint,
    encoded,
    serving,
    wait,
)
from tests.steps.tiny_model import CLASSES, draw_bin, save_model

HEADER = "X-Amzn-SageMaker-Custom-Attributes"
MAX_BYTES = 25 * 1024 * 1024


def first_answer(started: Endpoint, statuses: list[int]) -> bool:
    """Ping once; whether there was an answer, which is added to `statuses`."""
    statuses += filter(None, [started.ping()])
    return bool(statuses)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One server for all requests; its answers while it loads are checked here."""
    root = tmp_path_factory.mktemp("serve")
    picture = root / "bin.jpg"
    draw_bin(3, 0).save(picture)
    save_model(root / "model", CLASSES, [picture], [(0.2, 0.7, 0.1)])
    with serving(root) as started:
        statuses: list[int] = []
        wait(lambda: first_answer(started, statuses), "it does not listen")
        assert statuses == [503], "it must listen before the model is loaded"
        status, answer = started.invoke(b"early")
        assert status == 503
        assert "still being loaded" in answer["error"]
        wait(lambda: started.ping() == 200, "the model does not load")
        yield started


@pytest.fixture(scope="module")
def picture() -> bytes:
    return encoded(draw_bin(3, 0))


# ---- answers


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


# ---- refusals


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


def test_a_client_that_disconnects_disturbs_no_other(endpoint: Endpoint, picture: bytes) -> None:
    with socket.create_connection(("127.0.0.1", endpoint.port)) as leaving:
        leaving.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
                        b"Content-Length: 5000\r\n\r\nhalf of it")  # fmt: skip
    assert endpoint.invoke(picture)[0] == 200
    assert "Traceback" not in endpoint.log.read_text()


def test_half_sent_requests_take_no_place(endpoint: Endpoint, picture: bytes) -> None:
    begin = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"
    waiting = [socket.create_connection(("127.0.0.1", endpoint.port)) for _ in range(300)]
    for one in waiting:
        one.sendall(begin)
    for _ in range(3):
        assert endpoint.invoke(picture)[0] == 200
    for one in waiting:
        one.close()


@pytest.mark.parametrize("sent", [b"", b"POST /invocations HTTP/1.1\r\nHost: x\r\n"])
def test_half_sent_heads_keep_nobody_out_and_end(
    endpoint: Endpoint, picture: bytes, sent: bytes
) -> None:
    """More than a container may have files, of which the oldest go; the others in time."""
    held: list[socket.socket] = []
    for _ in range(1100):
        held.append(socket.create_connection(("127.0.0.1", endpoint.port), timeout=60))
        with contextlib.suppress(OSError):  # it has gone already
            held[-1].sendall(sent)
    assert endpoint.invoke(picture)[0] == 200
    assert endpoint.ping() == 200
    for one in held:
        assert closed(one)
        one.close()


def test_a_head_that_trickles_in_or_is_too_long_ends(endpoint: Endpoint) -> None:
    for part, pause in ((b"x: y\r\n", 0.1), (b"x: " + b"y" * 1000 + b"\r\n", 0.0)):
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=60) as one:
            one.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n")
            with pytest.raises(OSError, match=r"Broken pipe|reset"):
                for _ in range(10_000):
                    one.sendall(part)
                    time.sleep(pause)
    assert endpoint.ping() == 200


def closed(one: socket.socket) -> bool:
    """Whether the other side closed a connection without a response; waits for it."""
    try:
        return one.recv(1) == b""
    except ConnectionError:
        return True


WAIT = """
import pathlib, time
def model_fn(folder):
    return pathlib.Path(folder)
def input_fn(body, content_type):
    return body
def predict_fn(body, folder):
    while not (folder / "go").exists():
        time.sleep(0.05)
    return body
def output_fn(prediction, accept):
    return prediction
"""


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Endpoint]:
    """A server whose predictions last until the file model/go exists."""
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "code" / "inference.py").write_text(WAIT)
    with serving(tmp_path) as started:
        wait(lambda: started.ping() == 200, "the program does not load")
        yield started


def test_the_number_of_requests_in_progress_is_limited(slow: Endpoint, tmp_path: Path) -> None:
    """With many requests that wait, a new one is refused, and accepted when they have ended."""
    whole = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    waiting = [socket.create_connection(("127.0.0.1", slow.port)) for _ in range(256)]
    for one in waiting:
        one.sendall(whole)
    found: list[tuple[int, bytes]] = []

    def refused() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", slow.port, timeout=2)
        try:
            connection.request("POST", "/invocations", b"body")
            response = connection.getresponse()
            found.append((response.status, response.read()))
        except TimeoutError:  # it was accepted
            return False
        finally:
            connection.close()
        return True

    wait(refused, "it accepts them all")
    assert found[0][0] == 503
    assert b"256 requests are in progress; try again" in found[0][1]
    assert slow.ping() == 200
    (tmp_path / "model" / "go").touch()
    wait(lambda: slow.ask("POST", "/invocations", b"body")[0] == 200, "it does not recover")
    for one in waiting:
        one.close()


def test_a_queue_does_not_hold_the_end(slow: Endpoint, tmp_path: Path) -> None:
    """SageMaker kills a container 30 s after SIGTERM; requests in progress get 20 s of them."""
    whole = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    waiting = [socket.create_connection(("127.0.0.1", slow.port)) for _ in range(12)]
    for one in waiting:
        one.sendall(whole)
    assert slow.ping() == 200
    slow.process.send_signal(signal.SIGTERM)
    assert slow.process.wait(60) == 0  # it would never end: no prediction does
    for one in waiting:
        one.close()


@pytest.mark.parametrize("limit", ["BODY_SECONDS", "PART_SECONDS"])
def test_a_body_that_never_arrives_ends_the_request(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.syspath_prepend(BIN.parent)
    model_server = importlib.import_module("model_server")
    monkeypatch.setattr(model_server, limit, 0.05)
    server = model_server.Server()
    server.program = model_server.Program(model_server, None)

    async def never() -> Any:
        await asyncio.Event().wait()

    waiting = Request({"type": "http", "method": "POST", "headers": []}, never)
    answer = asyncio.run(asyncio.wait_for(server.invocations(waiting), 20))
    assert (answer.status_code, server.requests, server.arriving) == (408, 0, 0)
    assert "did not arrive within" in json.loads(answer.body)["error"]


# ---- start and stop


def test_requests_in_progress_are_answered_before_it_stops(endpoint: Endpoint) -> None:
    """The last test of the shared server: SIGTERM while it answers eight requests."""
    body = encoded(Image.effect_noise((3000, 2000), 90))
    found: list[object] = []

    def ask() -> None:
        try:
            found.append(endpoint.invoke(body)[0])
        except OSError as error:
            found.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait(lambda: found, "nothing is answered")
    endpoint.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    assert found == [200] * 8
    assert endpoint.process.wait(30) == 0
    assert endpoint.ping() is None
    log = endpoint.log.read_text()
    assert "Traceback" not in log
    assert "/ping" not in log
    assert "loaded" in log


@pytest.mark.parametrize(
    ("program", "message"),
    [
        pytest.param(None, "no program at", id="none"),
        pytest.param(
            "def model_fn(folder): ...", "lacks input_fn, predict_fn, output_fn", id="incomplete"
        ),
        pytest.param("raise SystemExit(0)", "the model could not be loaded", id="leaves"),
        pytest.param(
            "def model_fn(folder): open('/nowhere/weights')\ninput_fn = predict_fn = output_fn = 1",
            "No such file or directory: '/nowhere/weights'",
            id="fails",
        ),
    ],
)
def test_a_model_that_cannot_be_served_stops_the_server(
    tmp_path: Path, program: str | None, message: str
) -> None:
    """SageMaker then shows the log, instead of waiting for a ping that never succeeds."""
    (tmp_path / "model" / "code").mkdir(parents=True)
    if program is not None:
        (tmp_path / "model" / "code" / "inference.py").write_text(program)
    with serving(tmp_path) as endpoint:
        assert endpoint.process.wait(30) == 1
        assert message in endpoint.log.read_text()


def test_sigterm_while_loading_stops_it_at_once(tmp_path: Path) -> None:
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "code" / "inference.py").write_text("import time\ntime.sleep(60)\n")
    with serving(tmp_path) as endpoint:
        wait(lambda: endpoint.ping() == 503, "it does not listen")
        endpoint.process.send_signal(signal.SIGTERM)
        assert endpoint.process.wait(10) == 0


ECHO = """
def model_fn(folder, context):
    return "model"

def input_fn(body, content_type):
    return body, content_type

def predict_fn(batch, model, context):
    if batch[0] == b"fail":
        raise RuntimeError("secret detail")
    return batch, model, context.get_request_header(0, "X-Some")

def output_fn(prediction, accept):
    (body, kind), model, some = prediction
    return f"{body.decode()}|{kind}|{model}|{some}".encode()
"""


def test_any_program_with_the_four_functions_is_served(tmp_path: Path) -> None:
    """As in AWS's toolkits: a context for a function with one more argument, or bytes alone."""
    (tmp_path / "model").mkdir()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "echo.py").write_text(ECHO)
    program = {"SAGEMAKER_PROGRAM": "echo.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(tmp_path / "code")}
    with serving(tmp_path, **program) as endpoint:
        wait(lambda: endpoint.ping() == 200, "the program does not load")
        headers = {"Content-Type": "text/x", "X-Some": "thing", "Accept": "text/plain"}
        status, answer = endpoint.ask("POST", "/invocations", b"hi", headers)
        assert (status, answer) == (200, b"hi|text/x|model|thing")
        status, answer = endpoint.ask("POST", "/invocations", b"fail", headers)
        assert status == 500
        assert (
            json.loads(answer)["error"] == "the model failed: RuntimeError; see the endpoint's log"
        )
        assert "secret detail" in endpoint.log.read_text()
        assert endpoint.ping() == 200


@pytest.mark.parametrize("port", ["http", "", "99999"])
def test_a_value_that_is_not_a_port_is_refused(tmp_path: Path, port: str) -> None:
    with serving(tmp_path, SAGEMAKER_BIND_TO_PORT=port) as endpoint:
        assert endpoint.process.wait(30) == 1
        assert f"SAGEMAKER_BIND_TO_PORT is '{port}'" in (log := endpoint.log.read_text())
        assert "Traceback" not in log


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with serving(tmp_path, SAGEMAKER_BIND_TO_PORT=port) as endpoint:
            assert endpoint.process.wait(30) != 0
            assert "in use" in (log := endpoint.log.read_text())
            assert "Traceback" not in log
