"""What `serve` starts with, and how it ends."""

import json
import signal
import socket
import threading
from pathlib import Path

import pytest
from PIL import Image

from tests.steps.containers.tally_inference.server_process import (
    Endpoint,
    encoded,
    serving,
    wait,
)


def test_requests_in_progress_are_answered_before_it_stops(endpoint: Endpoint) -> None:
    """SIGTERM while it answers eight requests; no other test of this file uses its server."""
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
