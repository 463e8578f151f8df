"""Requests that arrive at `serve` at the same time are predicted together."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.steps.containers.tally_inference.server_process import Endpoint, serving, wait

COUNTS = """
import time

MAX_BATCH = 4

def model_fn(folder):
    return None

def input_fn(body, content_type):
    if body == b"bad":
        raise ValueError("cannot be decoded")
    return [body.decode()]

def predict_fn(batch, model):
    time.sleep(0)
    if "poison" in batch:
        raise ArithmeticError("poison")
    if "short" in batch:
        return []
    return [f"{item} of {len(batch)}" for item in batch]

def output_fn(prediction, accept, context):
    if context.get_request_header(0, "X-Leave"):
        raise SystemExit("leaves")
    return "+".join(prediction) + f" for {context.get_request_header(0, 'X-Name')}", "text/plain"
"""


@contextmanager
def counting(root: Path, program: str = COUNTS) -> Iterator[Endpoint]:
    (root / "model" / "code").mkdir(parents=True)
    (root / "model" / "code" / "inference.py").write_text(program)
    with serving(root) as endpoint:
        wait(lambda: endpoint.ping() == 200, "the program does not load")
        yield endpoint


def together(endpoint: Endpoint, bodies: list[str], **headers: str) -> list[tuple[int, str]]:
    """Send all during one prediction."""

    def ask(body: str) -> tuple[int, str]:
        status, answer = endpoint.ask(
            "POST", "/invocations", body.encode(), {"X-Name": body, **headers}
        )
        return status, answer.decode()

    with ThreadPoolExecutor(len(bodies) + 1) as pool:
        first = pool.submit(ask, "first")
        time.sleep(0.2)
        asked = [pool.submit(ask, body) for body in bodies]
        found = [future.result() for future in asked]
        assert first.result()[0] == 200
        return found


SLOW = COUNTS.replace("time.sleep(0)", "time.sleep(0.5)")


def test_waiting_requests_are_joined_and_get_their_own_answers(tmp_path: Path) -> None:
    names = [f"bin{number}" for number in range(8)]
    with counting(tmp_path, SLOW) as endpoint:
        found = together(endpoint, names)
    assert [status for status, _ in found] == [200] * 8
    for name, (_, answer) in zip(names, found, strict=True):
        assert answer.startswith(f"{name} of ")
        assert answer.endswith(f" for {name}")
    sizes = [int(answer.split()[2]) for _, answer in found]
    assert max(sizes) > 1, "nothing was joined"
    assert max(sizes) <= 4, "more than the program allows"


def test_a_client_alone_does_not_wait_for_others(tmp_path: Path) -> None:
    with counting(tmp_path) as endpoint:
        started = time.monotonic()
        for _ in range(20):
            assert endpoint.ask("POST", "/invocations", b"one")[1].startswith(b"one of 1")
        assert time.monotonic() - started < 5


def test_a_failing_request_does_not_fail_the_others(tmp_path: Path) -> None:
    names = ["a", "poison", "b", "bad", "c", "short"]
    with counting(tmp_path, SLOW) as endpoint:
        found = dict(zip(names, together(endpoint, names), strict=True))
        assert {name: status for name, (status, _) in found.items()} == {
            "a": 200, "b": 200, "c": 200, "poison": 500, "bad": 500, "short": 500,
        }  # fmt: skip
        assert json.loads(found["poison"][1])["error"].startswith("the model failed: Arithmetic")
        assert "predict_fn returned 0 predictions for 1 items" in endpoint.log.read_text()
        assert endpoint.ping() == 200


def test_a_program_that_exits_fails_one_request_only(tmp_path: Path) -> None:
    with counting(tmp_path) as endpoint:
        status, _ = endpoint.ask("POST", "/invocations", b"x", {"X-Leave": "yes"})
        assert status == 500
        assert endpoint.ask("POST", "/invocations", b"x")[0] == 200


def test_a_program_that_joins_requests_cannot_take_a_context(tmp_path: Path) -> None:
    (tmp_path / "model" / "code").mkdir(parents=True)
    program = COUNTS.replace("predict_fn(batch, model)", "predict_fn(batch, model, context)")
    (tmp_path / "model" / "code" / "inference.py").write_text(program)
    with serving(tmp_path) as endpoint:
        assert endpoint.process.wait(30) == 1
        assert "has MAX_BATCH, and its predict_fn takes a context" in endpoint.log.read_text()
